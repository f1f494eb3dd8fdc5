"""The Job manifest, as far as it can be held to its promises without a cluster."""

import re
import shlex
from typing import Any

import yaml

from driftline.spec import load_spec
from tests.docs.pages import ROOT, driftline_commands, parse

JOB: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "kubernetes" / "training-job.yaml").read_text())
POD: dict[str, Any] = JOB["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()


def environment() -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in CONTAINER["env"]}


class TestTheJob:
    def test_it_runs_once_and_ends(self) -> None:
        assert (JOB["apiVersion"], JOB["kind"]) == ("batch/v1", "Job")
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", JOB["metadata"]["name"])
        assert POD["restartPolicy"] == "Never"
        assert JOB["spec"]["backoffLimit"] <= 1
        assert 0 < JOB["spec"]["activeDeadlineSeconds"] <= 86_400
        assert JOB["spec"]["ttlSecondsAfterFinished"] > 0

    def test_its_command_is_a_training_that_the_command_line_knows(self) -> None:
        (arguments,) = driftline_commands(shlex.join(CONTAINER["args"]))
        asked = parse(arguments)
        assert arguments[0] == "train" and asked["stream"] is True
        assert asked["data"].startswith("s3://") and asked["data"].endswith(".parquet")
        # The image starts nothing of its own that would swallow the command.
        assert "command" not in CONTAINER and "ENTRYPOINT" not in DOCKERFILE

    def test_its_image_is_pinned_and_has_tensorflow(self) -> None:
        name, _, tag = CONTAINER["image"].partition(":")
        assert name == "driftline-train" and re.fullmatch(r"\d+\.\d+\.\d+", tag)
        assert f"-t {CONTAINER['image']} ." in DOCKERFILE

    def test_it_is_limited_and_gets_what_it_may_use(self) -> None:
        requests, limits = CONTAINER["resources"]["requests"], CONTAINER["resources"]["limits"]
        assert {"cpu", "memory"} <= set(requests) == set(limits)
        assert (requests["cpu"], requests["memory"]) == (limits["cpu"], limits["memory"])


class TestWhatItMay:
    def test_it_is_nobody_and_has_no_privileges(self) -> None:
        assert POD["securityContext"]["runAsNonRoot"] is True
        assert f"USER {POD['securityContext']['runAsUser']}:{POD['securityContext']['runAsGroup']}" in DOCKERFILE
        assert POD["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
        assert POD["automountServiceAccountToken"] is False
        own = CONTAINER["securityContext"]
        assert own["readOnlyRootFilesystem"] is True and own["allowPrivilegeEscalation"] is False
        assert own["capabilities"] == {"drop": ["ALL"]} and not own.get("privileged", False)
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(POD)

    def test_it_writes_only_where_it_has_room_of_its_own(self) -> None:
        volumes = {volume["name"]: volume for volume in POD["volumes"]}
        mounts = {mount["mountPath"]: mount for mount in CONTAINER["volumeMounts"]}
        assert {mount["name"] for mount in mounts.values()} == set(volumes)
        writable = {path for path, mount in mounts.items() if not mount.get("readOnly")}
        assert writable == {"/tmp", "/stream/.driftline"}
        assert all("sizeLimit" in volumes[mounts[path]["name"]]["emptyDir"] for path in writable)

    def test_secrets_come_from_a_secret(self) -> None:
        assert [list(source) for source in CONTAINER["envFrom"]] == [["secretRef"]]
        assert not any(re.search("PASSWORD|SECRET|KEY|TOKEN", name) for name in environment())


class TestTheStream:
    def test_the_specification_is_where_it_is_mounted(self) -> None:
        (mount,) = [mount for mount in CONTAINER["volumeMounts"] if mount["name"] == "specification"]
        assert mount["mountPath"] == environment()["DRIFTLINE_SPEC"]
        assert mount["mountPath"].endswith(f"/{mount['subPath']}") and mount["readOnly"] is True

    def test_the_registry_is_the_one_of_the_environment(self) -> None:
        spec = load_spec(ROOT / "deploy" / "stream.yaml", environment())
        assert spec.registry == environment()["DRIFTLINE_REGISTRY"] == "s3://example-bucket/models"
