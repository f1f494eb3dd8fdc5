"""A registry on a full disk, a real one: nothing half-written is taken for a version, and the champion stays."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SIZE = 2_000_000
NO_SPACE, TOO_LARGE = "No space left on device", "File too large"


def own_file_system() -> bool:
    """Whether this process may mount one, in a mount namespace of its own."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0


def told(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module", params=["full file system", "file size limit"])
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """What a registry and a trainer said; and the words of the system for what happened to them."""
    folder, scratch = tmp_path_factory.mktemp("disk"), tmp_path_factory.mktemp("scratch")
    script = [sys.executable, "-m", "tests.registry.on_a_full_disk", str(folder)]
    if request.param == "file size limit":
        return TOO_LARGE, told([*script, str(SIZE), str(scratch)])
    if not own_file_system():
        pytest.skip("needs the right to mount a small file system; the file size limit shows the same")
    mounted = f'mount -t tmpfs -o size={SIZE} tmpfs "$0" && exec "$@"'
    return NO_SPACE, told(["unshare", "-m", "sh", "-c", mounted, str(folder), *script, "0", str(scratch)])


def test_a_version_that_does_not_fit_leaves_nothing_behind(found: tuple[str, dict[str, Any]]) -> None:
    words, said = found
    assert words in said["add"]["said"]
    assert "version 2 cannot be written" in said["add"]["said"]
    assert (said["add"]["versions"], said["add"]["champion"]) == ([1], [1, 1])
    assert said["add"]["names"] == ["1", "champion.json"]


def test_the_job_ends_with_a_verdict_that_says_so(found: tuple[str, dict[str, Any]]) -> None:
    words, said = found
    ((kind, reason),) = said["events"]
    assert kind == "failed"
    assert words in reason
    assert "version 2 cannot be written" in reason
    assert (said["train"]["versions"], said["train"]["champion"]) == ([1], [1, 1])
    assert said["train"]["names"] == ["1", "champion.json"]


def test_a_change_of_champion_that_cannot_be_written_leaves_the_old_one(found: tuple[str, dict[str, Any]]) -> None:
    words, said = found
    assert words in said["promote"]["said"]
    assert (said["promote"]["versions"], said["promote"]["champion"]) == ([1, 2], [1, 1])


def test_and_goes_through_once_there_is_space(found: tuple[str, dict[str, Any]]) -> None:
    _, said = found
    assert (said["again"]["said"], said["again"]["champion"]) == ("", [2, 2])
