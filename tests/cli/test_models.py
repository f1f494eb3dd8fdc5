"""`models` shows what the registry holds, and changes which version answers."""

import json
from pathlib import Path

import pytest

from driftline.registry import Manifest
from driftline.workspace import Workspace
from tests.cli.conftest import Run
from tests.registry.made import add_version


def champion(workspace: Workspace) -> tuple[int, int | None, int]:
    now = workspace.registry.champion()
    assert now is not None
    return now.version, now.previous_version, now.sequence


class TestList:
    def test_every_version_and_the_one_in_service(self, cli: Run, versions: Workspace, tmp_path: Path) -> None:
        said = cli("models", "list", "--report", "out/report.json")
        assert said.code == 0
        rows = [line.split() for line in said.out.splitlines() if "litert" in line]
        assert [row[1] if row[0] == "●" else row[0] for row in rows] == ["1", "2", "3"]
        assert [row[0] == "●" for row in rows] == [False, True, False]
        assert "0.820" in said.out
        report = json.loads((tmp_path / "out/report.json").read_text())
        assert report["champion"] == 2
        assert [(v["version"], v["in_service"], v["accuracy"]) for v in report["versions"]] == [
            (1, False, 0.81),
            (2, True, 0.82),
            (3, False, 0.83),
        ]

    def test_an_empty_registry_says_what_to_do(self, cli: Run, stream: Workspace) -> None:
        said = cli("models", "list")
        assert said.code == 0
        assert "`driftline train DATA` makes one" in said.out


class TestShow:
    def test_a_version_as_json(self, cli: Run, versions: Workspace, tmp_path: Path) -> None:
        said = cli("models", "show", "3", "--report", "r.json")
        assert json.loads(said.out)["version"] == 3
        assert Manifest.model_validate_json((tmp_path / "r.json").read_text()) == versions.registry.manifest(3)

    def test_which_there_are_where_it_is_not_one(self, cli: Run, versions: Workspace) -> None:
        said = cli("models", "show", "9")
        assert said.refusal() == f"version: read 9; versions in {versions.registry.location}: 1, 2, 3"

    def test_a_damaged_one(self, cli: Run, versions: Workspace) -> None:
        Path(versions.registry.location, "3", "manifest.json").write_text("{")
        said = cli("models", "show", "3")
        assert said.code == 1
        assert "3/manifest.json is damaged" in said.refusal()


class TestPromote:
    def test_puts_a_version_into_service(self, cli: Run, versions: Workspace) -> None:
        said = cli("models", "promote", "3")
        assert said.code == 0
        assert said.out == (
            "version 3 is now in service (before: 2); no broker is running, "
            "services will find it in the registry when they start\n"
        )
        assert champion(versions) == (3, 2, 3)

    def test_the_one_in_service_changes_nothing(self, cli: Run, versions: Workspace) -> None:
        assert cli("models", "promote", "2").out == "version 2 is in service already\n"
        assert champion(versions) == (2, 1, 2)

    def test_one_for_other_features_is_refused(self, cli: Run, versions: Workspace, tmp_path: Path) -> None:
        add_version(versions.registry, versions.spec, tmp_path / "more", 4, model_hash="0" * 16)
        said = cli("models", "promote", "4")
        assert said.code == 2
        assert said.refusal().startswith("version 4 was built for another specification")
        assert champion(versions) == (2, 1, 2)


class TestRollback:
    def test_there_and_back(self, cli: Run, versions: Workspace) -> None:
        assert cli("models", "rollback").out.startswith("version 1 is now in service (before: 2)")
        assert champion(versions) == (1, 2, 3)
        assert cli("models", "rollback").out.startswith("version 2 is now in service (before: 1)")
        assert champion(versions) == (2, 1, 4)

    @pytest.mark.parametrize("prepare", ["nothing", "one"])
    def test_without_an_earlier_version(self, cli: Run, stream: Workspace, tmp_path: Path, prepare: str) -> None:
        if prepare == "one":
            add_version(stream.registry, stream.spec, tmp_path / "files")
            assert cli("models", "promote", "1").code == 0
        said = cli("models", "rollback")
        assert said.code == 2
        assert said.refusal().startswith("there is no earlier version in service to go back to")
