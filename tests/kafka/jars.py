"""Apache Kafka's jars for tests: from Maven Central into ``build/kafka/libs``, once per checkout."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

_POM = Path(__file__).with_name("pom.xml")
BUILD = Path(__file__).resolve().parents[2] / "build" / "kafka"
_JAVA_NEEDED = 17


class KafkaUnavailable(RuntimeError):
    """Apache Kafka cannot be had on this machine; the message says why."""


def have_java_and_maven() -> str | None:
    """Return None when Apache Kafka can be run here, else the reason why not."""
    if sys.platform == "win32":
        return "Apache Kafka is not started on Windows by these tests"
    java = shutil.which("java")
    if java is None:
        return f"no java on PATH (Apache Kafka needs Java {_JAVA_NEEDED} or later)"
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    if found is None or int(found[1]) < _JAVA_NEEDED:
        return f"Apache Kafka needs Java {_JAVA_NEEDED} or later, 'java -version' says: {said.strip()[:80]!r}"
    if not _jars_are_there(BUILD / "libs") and shutil.which("mvn") is None:
        return "no mvn on PATH (Apache Kafka's jars are fetched by Maven)"
    return None


def kafka_jars() -> Path:
    """Return the folder of Apache Kafka's jars; fetches them by Maven when they are not there."""
    libs = BUILD / "libs"
    if _jars_are_there(libs):
        return libs
    BUILD.mkdir(parents=True, exist_ok=True)
    with _locked(BUILD / "libs.lock"):
        if _jars_are_there(libs):  # another test process fetched them while we waited
            return libs
        # Into a folder of its own, then one rename: a download that was cut off never looks like a whole one.
        with tempfile.TemporaryDirectory(dir=BUILD, prefix="fetch-") as folder:
            fetched = Path(folder) / "libs"
            command = ["mvn", "-B", "-q", "-f", str(_POM), "dependency:copy-dependencies"]
            command += ["-DincludeScope=runtime", f"-DoutputDirectory={fetched}"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
            if done.returncode != 0:
                said = (done.stdout + done.stderr).strip().splitlines()
                raise KafkaUnavailable("Maven could not fetch Apache Kafka:\n" + "\n".join(said[:15]))
            shutil.copy(_POM, fetched / "pom.xml")
            if libs.exists():
                libs.rename(Path(folder) / "old")
            fetched.rename(libs)
    return libs


def _jars_are_there(libs: Path) -> bool:
    # The pom lies with its jars, so a changed pom (another version) means another fetch.
    copy = libs / "pom.xml"
    return copy.is_file() and copy.read_bytes() == _POM.read_bytes()


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    import fcntl  # not on Windows

    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
