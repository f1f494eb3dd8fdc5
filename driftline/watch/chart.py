"""A line over time, in a terminal."""

from collections.abc import Mapping, Sequence

from rich.text import Text

_EIGHTHS = " ▁▂▃▄▅▆▇█"


def chart(
    values: Sequence[float | None], width: int, height: int, marks: Mapping[int, str] | None = None
) -> list[Text]:
    """Columns of blocks for values in [0, 1], newest at the right end, squeezed to `width` columns.

    Parameters
    ----------
    values : one a step; None leaves a gap.
    marks : index in `values` → one character set above its column.

    Returns
    -------
    height + 2 lines of text: the marks, the columns with a scale, and a base line.

    >>> [line.plain for line in chart([0.0, 0.5, 1.0], 3, 1)]
    ['         ', '  1.0 │ ▄█', '  0.0 └───']
    """
    n = len(values)
    columns: list[float | None] = []
    for i in range(min(width, n)):
        chunk = [
            v
            for v in values[i * n // min(width, n) : max((i + 1) * n // min(width, n), i * n // min(width, n) + 1)]
            if v is not None
        ]
        columns.append(sum(chunk) / len(chunk) if chunk else None)
    top = [" "] * width
    for index, mark in (marks or {}).items():
        if n:
            top[min(index * min(width, n) // n, width - 1)] = mark
    lines = [Text(" " * 6 + "".join(top))]
    for row in range(height):
        low = 1 - (row + 1) / height
        label = f"{1 - row / height:5.1f} │" if row == 0 or height > 3 else "      │"
        line = Text(label)
        for value in columns:
            filled = 0 if value is None else round(min(max((value - low) * height, 0.0), 1.0) * 8)
            style = (
                "red"
                if value is not None and value < 0.5
                else ("yellow" if value is not None and value < 0.75 else "green")
            )
            line.append(_EIGHTHS[filled], style)
        lines.append(line)
    lines.append(Text("  0.0 └" + "─" * len(columns)))
    return lines
