"""The page in a real browser, and the console that serves it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.console.browser import BROWSER, QUIET
from tests.console.served import Served
from tests.parts import missing


# For a module, not for the session: while it is there, the main thread has a running event loop.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if BROWSER is None:
        missing("there is no Chromium on this machine (Debian: chromium)")
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(executable_path=BROWSER, args=list(QUIET))
        yield started
        started.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page of a desk's size, on which no script may fail."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.wrong = []
    opened.asked = []
    opened.on("pageerror", lambda error: opened.wrong.append(str(error)))
    opened.on("request", lambda request: opened.asked.append(request.url))
    yield opened
    assert opened.wrong == []
    context.close()


@pytest.fixture
def served(tmp_path: Path) -> Served:
    made = Served(tmp_path)
    made.records(80)
    return made
