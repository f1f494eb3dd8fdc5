"""A page, written from top to bottom. Every word that goes in is escaped: names come from users' files."""

import base64
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Literal

from driftline.errors import UsageError
from driftline.pages.picture import Picture
from driftline.pages.style import STYLE

Tone = Literal["plain", "good", "warn", "bad"]
Cell = str | int | float | None
# A column name may be 128 characters, a cell of a file anything; a table of either stays readable.
LONGEST = 160


def shown(cell: Cell) -> str:
    """A cell as text: thousands grouped, four significant digits, a dash for nothing.

    >>> [shown(cell) for cell in (12345, 0.123456, 1234.5, 1e-7, None, "a<b")]
    ['12,345', '0.1235', '1,234', '1e-07', '–', 'a<b']
    """
    if cell is None:
        return "–"
    if isinstance(cell, str):
        return cell if len(cell) <= LONGEST else cell[: LONGEST - 1] + "…"
    if isinstance(cell, int):
        return f"{cell:,}"
    if cell != cell:
        return "–"
    return f"{cell:,.0f}" if 1e3 <= abs(cell) < 1e9 else f"{cell:.4g}"


class Page:
    """One HTML file without anything outside it.

    Parameters
    ----------
    title : heading and the window's title.
    lead : a sentence below it.
    """

    def __init__(self, title: str, lead: str = "") -> None:
        self._title = title
        self._parts: list[str] = [f"<h1>{escape(title)}</h1>"]
        if lead:
            self._parts.append(f'<p class="lead">{escape(lead)}</p>')
        self._pngs: dict[str, bytes] = {}

    def section(self, title: str, *paragraphs: str) -> None:
        """A heading, and what is to be known before the figures below it."""
        self._parts.append(f"<h2>{escape(title)}</h2>")
        for text in paragraphs:
            self.paragraph(text)

    def paragraph(self, text: str) -> None:
        """A paragraph."""
        self._parts.append(f"<p>{escape(text)}</p>")

    def table(self, header: Sequence[str], rows: Iterable[Sequence[Cell]], caption: str = "", most: int = 100) -> None:
        """A table of at most `most` rows; how many were left out is said. A column of numbers is set flush right."""
        rows = [list(row) for row in rows]
        if not rows:
            return
        left_out, rows = len(rows) - most, rows[:most]
        right = [
            any(isinstance(row[i], int | float) for row in rows) and not any(isinstance(row[i], str) for row in rows)
            for i in range(len(header))
        ]
        marks = [' class="number"' if number else "" for number in right]
        parts = ['<div class="scroll"><table>', f"<caption>{escape(caption)}</caption>" if caption else "", "<tr>"]
        parts += [f'<th scope="col"{mark}>{escape(name)}</th>' for name, mark in zip(header, marks, strict=True)]
        parts.append("</tr>")
        for row in rows:
            cells = (f"<td{mark}>{escape(shown(cell))}</td>" for cell, mark in zip(row, marks, strict=True))
            parts.append(f"<tr>{''.join(cells)}</tr>\n")
        parts.append("</table></div>")
        if left_out > 0:
            parts.append(f"<p>… and {left_out:,} more.</p>")
        self._parts.append("".join(parts))

    def findings(self, said: Iterable[tuple[Tone, str]]) -> None:
        """Sentences, each with a bar whose colour says how grave it is."""
        lines = "\n".join(f'<li class="{tone}">{escape(text)}</li>' for tone, text in said)
        if lines:
            self._parts.append(f'<ul class="findings">\n{lines}\n</ul>')

    def code(self, text: str) -> None:
        """Lines to be copied."""
        self._parts.append(f"<pre>{escape(text)}</pre>")

    def picture(self, picture: Picture) -> None:
        """A picture, once for light and once for dark readers, and what it shows in words."""
        self._pngs[picture.name] = picture.png(dark=False)
        light, dark = (base64.b64encode(png).decode() for png in (self._pngs[picture.name], picture.png(dark=True)))
        said = escape(picture.says, quote=True)
        self._parts.append(
            f'<figure><picture><source media="(prefers-color-scheme: dark)" srcset="data:image/png;base64,{dark}">'
            f'<img alt="{said}" width="{picture.width_px}" src="data:image/png;base64,{light}"></picture>'
            f"<figcaption>{said}</figcaption></figure>"
        )

    def html(self) -> str:
        """The whole page."""
        body = "\n".join(self._parts)
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{escape(self._title)}</title>\n<style>{STYLE}</style>\n</head>\n"
            f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
        )

    def write(self, out: Path, png: Path | None = None, *, option: str = "--out") -> list[Path]:
        """Write the page to `out` and, if wanted, its pictures into the folder `png`; returns what was written.

        Parameters
        ----------
        option : of the command that asked for it, for the message.

        Raises
        ------
        UsageError : a file cannot be written.
        """
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            # A lone surrogate from a file's bytes has no UTF-8; the page is worth more than that one sign.
            out.write_text(self.html(), encoding="utf-8", errors="replace")
        except OSError as error:
            raise UsageError(f"{option} {out}: cannot be written: {error.strerror}") from None
        written = [out]
        if png is None:
            return written
        try:
            png.mkdir(parents=True, exist_ok=True)
            for name, content in self._pngs.items():
                written.append(png / f"{name}.png")
                written[-1].write_bytes(content)
        except OSError as error:
            raise UsageError(f"--png {png}: cannot be written: {error.strerror}") from None
        return written
