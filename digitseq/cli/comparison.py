"""Print comparisons of two datasets or two models in the terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from digitseq.checks import percent
from digitseq.cli.report import show_result
from digitseq.errors import printable
from digitseq.inspection.compare import p_value

if TYPE_CHECKING:
    from digitseq.inspection.compare import Comparison, Line


_RESULTS = (("accuracy", "sequence accuracy"), ("error rate", "character error rate"), ("faults", "faults"))


def show_comparison(console: Console, comparison: "Comparison") -> None:
    """
    Print a comparison of two reports.

    Args:
        console: output.
        comparison: comparison to print.
    """
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for name in (comparison.a, comparison.b):
        table.add_column(Text(printable(name)), justify="right", overflow="fold")
    table.add_column("difference", justify="right")
    for line in comparison.lines:
        if line.a is not None or line.b is not None:
            table.add_row(printable(line.what), _value(line, line.a), _value(line, line.b), _change(line))
    for line in comparison.settings:
        table.add_row(f"setting {line.what}", *(Text(printable(_setting(v))) for v in (line.a, line.b)), "")
    console.print(table)
    for note in comparison.notes:
        console.print(Text.assemble(("note", "bold cyan"), f": {printable(note)}"))


def show_comparison_verdict(
    console: Console, comparison: "Comparison", targets: Sequence[tuple[str, object]]
) -> None:
    """
    Print the result of a comparison in a few lines.

    Args:
        console: output.
        comparison: comparison to print.
        targets: kind and path of each file written.
    """
    facts: list[tuple[str, Text]] = []
    lines = {line.what: line for line in comparison.lines}
    for name, what in _RESULTS:
        if (line := lines.get(what)) is not None:
            told = f"{_value(line, line.a)} and {_value(line, line.b)}, {_change(line) or 'the same'}"
            facts.append((name, Text(told)))
    if comparison.agreement is not None and comparison.p_value is not None:
        both, only_a, only_b, neither = comparison.agreement
        right = (
            f"both right {both:,}, only the first {only_a:,}, only the second {only_b:,}, neither {neither:,}"
        )
        facts.append(("images", Text(right)))
        told = f"{p_value(comparison.p_value)}: {_meaning(comparison.p_value)}"
        facts.append(("McNemar's test", Text(told)))
    elif (line := lines.get("images inspected")) is not None:
        images = lines["images"]
        told = f"{line.a:,} of {images.a:,} and {line.b:,} of {images.b:,} inspected (spread evenly)"
        facts.append(("images", Text(told)))
    elif (line := lines.get("images in both")) is not None:
        images = lines["images"]
        facts.append(("images", Text(f"{images.a:,} and {images.b:,}, {line.a:,} of them in both")))
    show_result(console, facts, targets)


def _setting(value: object) -> str:
    text = "–" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _meaning(value: float) -> str:
    if value < 0.05:
        return "the difference is significant at the 5% level"
    return "the difference can be due to chance"


def _value(line: "Line", value: float | str | None) -> Text:
    if value is None or isinstance(value, str):
        return Text("–" if value is None else printable(value))
    if line.unit == "%":
        return Text(percent(value, 2))
    return Text(f"{value:,}" if isinstance(value, int) else f"{value:.4g}")


def _change(line: "Line") -> str:
    """Return the difference of two values; that of percentages in percentage points."""
    if not isinstance(line.a, int | float) or not isinstance(line.b, int | float) or line.a == line.b:
        return ""
    change = line.b - line.a
    if line.unit == "%":
        return f"{100 * change:+.2f} points"
    return f"{change:+,}" if isinstance(change, int) else f"{change:+.4g}"
