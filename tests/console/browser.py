"""The browser of the page tests: Debian's Chromium, driven by Playwright, which fetches nothing by itself."""

import re
import shutil
from typing import Any

from tests.console.served import SECRET

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
QUIET = ("--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run")
PHONE = {"width": 390, "height": 844}


def see(page: Any, selector: str, text: str | re.Pattern[str]) -> None:
    """Wait until it is there to be read."""
    expect(page.locator(selector)).to_contain_text(text, timeout=15_000)


def expect(locator: Any) -> Any:
    """Playwright's own, imported only where there is Playwright."""
    from playwright.sync_api import expect as wait_for

    return wait_for(locator)


def unlock(page: Any) -> None:
    """Give the page the token."""
    page.click("#key")
    page.fill("#unlock-token", SECRET)
    page.press("#unlock-token", "Enter")
    see(page, "#key", "Lock actions")
