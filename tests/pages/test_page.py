"""A page holds everything it needs, and nothing that a user's file could slip into it."""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from driftline.errors import UsageError
from driftline.pages.page import LONGEST, Page, shown
from driftline.pages.picture import Picture, plain

EVIL = "<script>alert(1)</script>\"'&$x^2$"


class Seen(HTMLParser):
    """Tags, attributes and words of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.words += data


def draw_one(figure: Any, theme: Any) -> None:
    axis = figure.subplots()
    axis.plot([0, 1], color=theme.series[0])
    axis.set_title(plain(EVIL, 60))


def full_page() -> Page:
    page = Page(EVIL, EVIL)
    page.section(EVIL, EVIL)
    page.paragraph(EVIL)
    page.findings([("bad", EVIL)])
    page.table([EVIL, "n"], [[EVIL, 1]], EVIL)
    page.code(EVIL)
    page.picture(Picture("one", EVIL, draw_one, 3, 2))
    return page


class TestPage:
    def test_every_word_is_escaped(self) -> None:
        seen = Seen(full_page().html())
        assert "script" not in seen.tags
        # Title, heading, lead; section and its text; paragraph, finding, caption, header, cell, code, caption.
        assert seen.words.count(EVIL) == 12
        assert dict(seen.attributes)["alt"] == EVIL

    def test_it_asks_nothing_of_the_outside(self) -> None:
        html = full_page().html()
        seen = Seen(html)
        sources = [value or "" for name, value in seen.attributes if name in ("src", "srcset", "href")]
        assert len(sources) == 2
        assert all(source.startswith("data:image/png;base64,") for source in sources)
        assert not re.search(r"url\(|@import|https?://", html)

    def test_a_picture_for_each_theme(self) -> None:
        picture = Picture("one", "a line", draw_one, 3, 2)
        light, dark = picture.png(dark=False), picture.png(dark=True)
        assert light[:4] == dark[:4] == b"\x89PNG"
        assert light != dark
        assert picture.png(dark=False) == light

    def test_a_long_table_says_what_is_left_out(self) -> None:
        page = Page("p")
        page.table(["n"], [[n] for n in range(12)], most=10)
        page.table(["n"], [])
        words = Seen(page.html()).words
        assert "… and 2 more." in words
        assert page.html().count("<table>") == 1

    def test_a_cell_is_never_endless(self) -> None:
        assert len(shown("x" * 1_000)) == LONGEST
        assert shown(float("nan")) == "–"

    def test_writes_page_and_pictures(self, tmp_path: Path) -> None:
        written = full_page().write(tmp_path / "a" / "page.html", tmp_path / "pics")
        assert written == [tmp_path / "a" / "page.html", tmp_path / "pics" / "one.png"]
        assert written[1].read_bytes()[:4] == b"\x89PNG"

    def test_a_place_that_cannot_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(UsageError, match=r"--out .*cannot be written"):
            Page("p").write(tmp_path / "file" / "page.html")
        with pytest.raises(UsageError, match=r"--png .*cannot be written"):
            Page("p").write(tmp_path / "page.html", tmp_path / "file")

    def test_without_matplotlib_it_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        with pytest.raises(UsageError, match=r"driftline\[plots\]"):
            Picture("one", "a line", draw_one).png(dark=False)
