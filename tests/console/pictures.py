"""The console's pictures in the documentation: a real demo run, at the drift and after recovery, desk and phone.

`python -m tests.console.pictures docs/images` takes them, in three minutes. The stream does not wait for a training: on
a machine that is busy elsewhere, a lower rate (records a second, behind the folder) shows the same.
"""

import os
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from driftline.broker.guard import guarded
from driftline.workspace import Workspace
from tests.console.browser import BROWSER, QUIET

PATIENCE_S = 300
DESK, PHONE = {"width": 1280, "height": 1760}, {"width": 390, "height": 1650}
# A log that has grown, and a trainer still at it.
DRIFT = """() => document.getElementById('headline').dataset.tone === 'work'
    && document.querySelectorAll('#jobs .log.live li').length >= 7"""
RECOVERED = """() => document.getElementById('headline').textContent.startsWith('All is well')
    && document.querySelectorAll('#versions > li').length > 1"""


def main(folder: Path, rate: str = "29") -> None:
    """Run the demo until the pictures are taken."""
    with tempfile.TemporaryDirectory(prefix="driftline-pictures-") as place:
        demo = Path(place) / "demo"
        command = [sys.executable, "-m", "driftline", "demo", "--headless", "--dir", str(demo), "--rate", rate]
        environment = {**os.environ, "DRIFTLINE_CONSOLE_TOKEN": secrets.token_urlsafe(24)}
        process = subprocess.Popen(guarded(command), env=environment)
        try:
            take(address_of(demo, process), folder)
        finally:
            process.terminate()
            process.wait()


def address_of(folder: Path, process: "subprocess.Popen[bytes]") -> str:
    """Where the demo's console is, once it says so."""
    deadline = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < deadline:
        for spec in folder.glob("*.yaml"):
            if (note := Workspace(spec).read_note("service-console-0")) is not None:
                return str(note["url"])
        time.sleep(0.2)
    raise SystemExit("the demo ended before its console began")


def take(address: str, folder: Path) -> None:
    """The same page on a desk and on a phone, light at the drift and dark after recovery."""
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=BROWSER, args=list(QUIET))
        pages: dict[tuple[str, str], Any] = {}
        for moment, scheme in (("drift", "light"), ("recovered", "dark")):
            for name, size in (("", DESK), ("-phone", PHONE)):
                page = browser.new_context(viewport=size, color_scheme=scheme).new_page()
                page.goto(address)
                pages[moment, name] = page
        for moment, holds in (("drift", DRIFT), ("recovered", RECOVERED)):
            pages[moment, ""].wait_for_function(holds, timeout=PATIENCE_S * 1_000, polling=200)
            shown = [page for (when, _), page in pages.items() if when == moment]
            for page in shown:
                page.locator("#names button").first.click()
            for page in shown:
                page.wait_for_selector("#detail table")
            for name in ("", "-phone"):
                pages[moment, name].screenshot(path=folder / f"console-{moment}{name}.png")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
