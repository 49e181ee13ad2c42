"""Histograms as text, for the terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

_BARS = 24  # length of the longest bar in cells
_ROWS = 12  # of a histogram; more are merged
_SPARK = "▁▂▃▄▅▆▇█"


def joined(counts: Sequence[tuple[int, int]], more: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Return the rows of a histogram, those of `more` first; merge bins into at most `_ROWS` rows."""
    if not counts:
        return more
    low, high = counts[0][0], counts[-1][0]
    step = -(-(high - low + 1) // (_ROWS - len(more)))
    rows = dict.fromkeys(range((high - low) // step + 1), 0)
    for value, count in counts:
        rows[(value - low) // step] += count
    firsts = range(low, high + 1, step)
    names = [str(first) if step == 1 else f"{first}–{first + step - 1}" for first in firsts]
    return [*more, *zip(names, rows.values(), strict=True)]


def bars(console: Console, rows: Sequence[tuple[str, int]]) -> Text:
    """Return one line per row: name, bar, share, count."""
    rows = rows if len(rows) <= _ROWS else _few(rows)
    total, most = sum(n for _, n in rows) or 1, max((n for _, n in rows), default=1) or 1
    room = min(_BARS, max(4, console.width - 40))
    wide = max((len(name) for name, _ in rows), default=1)
    full = "█" if _unicode(console) else "#"
    lines = [
        f"{name:>{wide}} {full * max(round(n / most * room), n > 0):<{room}} {n / total:6.1%} {n:,}"
        for name, n in rows
    ]
    return Text("\n".join(lines), no_wrap=True)


def _few(rows: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    step = -(-len(rows) // _ROWS)
    groups = [rows[first : first + step] for first in range(0, len(rows), step)]
    return [
        (group[0][0] if len(group) == 1 else f"{group[0][0]}–{group[-1][0]}", sum(n for _, n in group))
        for group in groups
    ]


def spark(console: Console, counts: Sequence[int]) -> str:
    """Return a one-line histogram, or an empty string if the console cannot show it."""
    if not _unicode(console):
        return ""
    most = max(counts, default=0) or 1
    return "".join(_SPARK[-(-n * (len(_SPARK) - 1) // most)] for n in counts)


def _unicode(console: Console) -> bool:
    return console.encoding.startswith("utf")
