"""Print reports in the terminal: tables, bar charts and a strip of images."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from digitseq.checks import counted, percent
from digitseq.cli.console import out
from digitseq.cli.preview import show
from digitseq.cli.text_charts import bars, joined, spark
from digitseq.errors import printable

if TYPE_CHECKING:
    from digitseq.arrays import IntArray
    from digitseq.inspection.report import Report
    from digitseq.inspection.scores import Mistake, Scores
    from digitseq.inspection.spacing_report import Spread

_MEANS = {
    "ink": "between ink",
    "tile": "between 28 px tiles; their blank margins add to it",
    "contour": "between the nearest points of neighbours",
}
_EXAMPLES = 5
_MISTAKES = 10
_FEW = 20  # a rate over fewer items is printed with their number
_GROUPS = 24  # of a grouping
_CELLS = 60  # maximum length of a printed label
_MATRIX_WIDTH = 90
_ABOUT_A_TENTH = (0.08, 0.12)
_DIGITS = "0123456789"


def show_report(console: Console, report: "Report") -> None:
    """
    Print a report.

    Args:
        console: output.
        report: report to print.
    """
    facts = grid()
    for name, value in _facts(console, report):
        facts.add_row(name, value)
    console.print(facts)
    if report.scores is not None:
        _show_scores(console, report.scores)
    for finding in report.findings:
        head, style = ("fault", "bold red") if finding.fault else ("note", "bold cyan")
        console.print(Text.assemble((f"{head} ({finding.count:,})", style), f": {finding.sentence}"))
        for example in finding.examples[:_EXAMPLES]:
            console.print(Text("  " + printable(example)), highlight=False, soft_wrap=True)
        if (more := max(finding.count, len(finding.examples)) - _EXAMPLES) > 0:
            console.print(Text(f"  … {more:,} more", "dim"))


def show_verdict(console: Console, report: "Report", targets: Sequence[tuple[str, object]]) -> None:
    """
    Print what people look for first: accuracy, error rate, faults, and the files written.

    Args:
        console: output.
        report: report to print.
        targets: kind and path of each file written.
    """
    facts: list[tuple[str, Text]] = []
    if (scores := report.scores) is not None:
        of = f"{scores.right:,} of {counted(scores.images, 'image')} right"
        facts.append(("accuracy", Text(f"{percent(scores.sequence_accuracy)} ({of})")))
        of = f"{counted(scores.errors, 'error')} in {counted(scores.digits, 'digit')}"
        facts.append(("error rate", Text(f"{percent(scores.cer, 2)} of characters ({of})")))
    facts.append(("faults", _fault_counts(report)))
    show_result(console, facts, targets)


def show_result(
    console: Console, facts: Sequence[tuple[str, Text]], targets: Sequence[tuple[str, object]]
) -> None:
    """Print the last lines of a report: name and value of each fact, and the files written."""
    wide = max(len(name) for name, _ in (*facts, *targets)) + 2
    for name, value in facts:
        console.print(Text.assemble((f"{name:<{wide}}", "bold"), value), highlight=False)
    for name, target in targets:
        console.print(Text(f"{name:<{wide}}", "bold"), highlight=False, end="")
        out(target)


def _fault_counts(report: "Report") -> Text:
    if not report.faults:
        return Text(f"none in {counted(report.inspected, 'image')}", "green")
    kinds = [f"{finding.sentence}: {finding.count:,}" for finding in report.findings if finding.fault]
    return Text("; ".join(kinds), "bold red")


def show_strip(console: Console, report: "Report", images: "IntArray") -> None:
    """
    Print images with their labels, and their predictions if wrong.

    Args:
        console: output.
        report: report on the images.
        images: int (images,), indices into the report's table.
    """
    mistakes = {m.image: m for m in report.scores.mistakes} if report.scores is not None else {}
    for image in images.tolist():
        pixels = report.table.pixels(image)
        if pixels is not None:
            boxes = [box for box in report.table.boxes_of(image).tolist() if box[0] >= 0]
            show(console, pixels, boxes)
        if image in mistakes:
            _show_mistake(console, mistakes[image])
        else:
            text = Text.assemble(
                (printable(report.table.labels[image]), "bold"),
                (f"  {printable(report.table.name(image))}", "dim"),
            )
            console.print(Text("  ").append_text(text), highlight=False, soft_wrap=True)


def grid() -> Table:
    """Return an empty table of names and values."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _facts(console: Console, report: "Report") -> Iterator[tuple[str, Text]]:
    looked = (
        f", {report.inspected:,} of them inspected (spread evenly)"
        if report.inspected < report.images
        else ""
    )
    images = counted(report.images, "image")
    yield report.kind, Text(f"{printable(report.name)}: {images}{looked}")
    if len(report.splits) > 1:
        yield "splits", Text(", ".join(f"{split} {count:,}" for split, count in report.splits.items()))
    if report.recipe is not None:
        augment = ", ".join(report.recipe["augment"] or {})
        yield (
            "recipe",
            Text(
                f"source {printable(report.recipe['source'])}, seed {report.recipe['seed']}, "
                f"augmentation {augment or 'none'}"
            ),
        )
    if not report.table.readable.any():
        yield "width", Text("no image could be read" if report.inspected else "no images")
        return
    yield "width", Text(_range(report.width_px, "{:.0f}", " px"))
    if report.inspected == 1:
        yield from _one(report)
        return
    common = ", ".join(f"{label} {count:,} ×" for label, count in list(report.common_labels.items())[:3])
    yield "labels", Text(f"{report.labels:,} distinct" + (f"; most frequent {common}" if common else ""))
    yield "length", _lengths(console, report)
    yield "digits", _digits(console, report)
    if report.width_use is not None:
        use = _range(report.width_use, "{:.0%}", " of the width")
        yield "width use", Text(f"{use}  {spark(console, report.width_use_counts)}")
    yield "spacing", _spacing(console, report)
    yield (
        "ink",
        Text(_range(report.ink, "{:.1%}", " of full brightness") + f"  {spark(console, report.ink_counts)}"),
    )
    repeated = sum(report.lengths.values()) - report.labels
    twins = (
        f"{counted(report.twins, 'image')} identical to another" if report.twins else "no duplicate images"
    )
    yield "duplicates", Text(f"{twins}; {counted(repeated, 'image')} with a repeated label")
    if report.glyphs is not None:
        yield "glyphs", Text(f"{report.glyphs[0]:,} distinct (max. reuse {report.glyphs[1]:,}×)")
    if len(report.splits) > 1:
        shared = f"{counted(report.shared_glyphs, 'glyph')} and {counted(report.shared_labels, 'label')}"
        yield "in several splits", Text(shared)


def _one(report: "Report") -> Iterator[tuple[str, Text]]:
    """Yield the facts shown for a single image."""
    from digitseq.inspection.measure_gaps import Seen

    table, promised = report.table, report.spacing.promised_px
    yield "label", Text(table.labels[0] or "unknown (no recipe or metadata)")
    if table.left_px[0] >= 0:
        columns = f"columns {table.left_px[0]} to {table.right_px[0] - 1}"
        yield "ink", Text(f"{columns}, {table.ink[0]:.1%} of full brightness")
    gaps = [
        {Seen.MEASURED: str(px), Seen.TOUCHING: "touch"}.get(Seen(seen), "?")
        for px, seen in zip(table.seen_px[:-1].tolist(), table.seen[:-1].tolist(), strict=True)
    ]
    if gaps:
        asked = (
            ""
            if promised is None
            else f"; specified: {promised[0]} to {promised[1]} px {_MEANS[report.spacing.measured_from]}"
        )
        yield "spacing", Text(f"{', '.join(gaps)} px measured{asked}")
    if (table.glyph >= 0).any():
        yield "glyphs", Text(f"{', '.join(map(str, table.glyph.tolist()))} (indices in the source)")
    for effect, strength in table.strengths.items():
        yield effect, Text(f"{strength[0]:.3g}")


def _lengths(console: Console, report: "Report") -> Text:
    if len(report.lengths) == 1:
        return Text(counted(next(iter(report.lengths)), "digit"))
    return bars(console, [(str(n), count) for n, count in report.lengths.items()])


def _digits(console: Console, report: "Report") -> Text:
    total = sum(report.digits) or 1
    least, most = min(report.digits) / total, max(report.digits) / total
    uneven = any(finding.kind == "balance" for finding in report.findings)
    if uneven or least < _ABOUT_A_TENTH[0] or most > _ABOUT_A_TENTH[1]:
        return bars(console, [(str(d), count) for d, count in enumerate(report.digits)])
    return Text(f"{least:.1%} to {most:.1%} each, about one tenth")


def _spacing(console: Console, report: "Report") -> Text:
    spacing = report.spacing
    if (
        spacing.promised_px
        and spacing.measured
        and not (spacing.different or spacing.unseen or spacing.skipped)
    ):
        low, high = spacing.promised_px
        means = _MEANS[spacing.measured_from]
        return Text(f"all {counted(spacing.measured, 'gap')} as specified: {low} to {high} px {means}")
    lines = []
    if spacing.promised_px is not None:
        low, high = spacing.promised_px
        lines.append(f"specified: {low} to {high} px {_MEANS[spacing.measured_from]}")
    of = spacing.measured + spacing.unseen + spacing.skipped
    measured = f"{spacing.measured:,} of {counted(of, 'gap')} measured in the pixels"
    found = [f"{spacing.touching:,} touching"] if spacing.touching else []
    if spacing.spread is not None:
        found.append(("others " if found else "") + _range(spacing.spread, "{:g}", " px", "{:.2f}"))
    lines.append(f"{measured}: {', '.join(found)}" if found else measured)
    if spacing.unseen:
        lines.append(
            f"{spacing.unseen:,} cannot be measured: digits share columns, or the paper is not clean"
        )
    if spacing.skipped:
        lines.append(f"{spacing.skipped:,} not measured: contours are measured in 2,000 images only")
    if spacing.promised_px is not None and spacing.measured + spacing.different:
        wrong = f"{spacing.different:,} not as specified by the recipe"
        wrong += f", {spacing.outside:,} of them outside its range"
        lines.append(wrong if spacing.different else "all measured gaps match the recipe")
    text = Text("\n".join(lines))
    rows = joined(list(spacing.counts.items()), [("touch", spacing.touching)] if spacing.touching else [])
    return text.append("\n").append_text(bars(console, rows)) if len(rows) > 1 else text


def _range(spread: "Spread", form: str, unit: str, mean: str = "") -> str:
    if spread.least == spread.greatest:
        return form.format(spread.least) + unit
    low, high = form.format(spread.least), form.format(spread.greatest)
    return f"{low} to {high}{unit}, mean {(mean or form).format(spread.mean)}"


def _show_scores(console: Console, scores: "Scores") -> None:
    facts = grid()
    facts.add_row(
        "errors",
        f"{counted(scores.substitutions, 'substitution')}, {counted(scores.insertions, 'insertion')}, "
        f"{counted(scores.deletions, 'deletion')} in {counted(scores.digits, 'digit')}",
    )
    if scores.confidence[0] is not None or scores.confidence[1] is not None:
        means = [("–" if value is None else f"{value:.3f}") for value in scores.confidence]
        facts.add_row("confidence", f"mean {means[0]} when correct, {means[1]} when wrong")
    facts.add_row("accuracy", "")
    groups = [(name, rates) for name, rates in scores.groups() if rates]
    room = console.width - max((len(name) for name, _ in groups), default=0) - 4
    for name, rates in groups:
        shown = [
            f"{rate.group}: {percent(rate.share)}" + (f" of {rate.of}" if rate.of < _FEW else "")
            for rate in rates[:_GROUPS]
        ]
        facts.add_row(f" {name}", Text(_wrapped([*shown, *(["…"] if len(rates) > _GROUPS else [])], room)))
    console.print(facts)
    for note in scores.notes:
        console.print(Text.assemble(("note", "bold cyan"), f": {printable(note)}"))
    if scores.mistakes:
        console.print(
            _confusion(scores) if console.width >= _MATRIX_WIDTH else _confused(scores, console.width)
        )
        console.print(Text("worst errors first", "bold"))
    for mistake in scores.mistakes[:_MISTAKES]:
        _show_mistake(console, mistake)
    if len(scores.mistakes) > _MISTAKES:
        console.print(Text(f"  … {len(scores.mistakes) - _MISTAKES:,} more", "dim"))


def _wrapped(parts: Sequence[str], room: int) -> str:
    """
    Join parts into lines that are not broken within a part, unless it is longer than a line.

    >>> _wrapped(["1: 90%", "2: 80%", "3: 70%"], 16).splitlines()
    ['1: 90%   2: 80%', '3: 70%']
    """
    lines = [""]
    for part in parts:
        longer = f"{lines[-1]}   {part}" if lines[-1] else part
        if len(longer) <= room or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(part)
    return "\n".join(lines)


def _show_mistake(console: Console, mistake: "Mistake") -> None:
    """Print a label, and the aligned prediction below it."""
    above, below = mistake.above[:_CELLS], mistake.below[:_CELLS]
    sure = "" if mistake.confidence is None else f"  confidence {mistake.confidence:g}"
    head = Text.assemble((above, "bold"), (f"  {printable(mistake.name)}{sure}", "dim"))
    line = Text()
    for digit, character in zip(above, below, strict=True):
        line.append(
            "·" if character == " " else printable(character), "" if digit == character else "bold red"
        )
    for text in (head, line):
        console.print(Text("  ").append_text(text), highlight=False, soft_wrap=True)


def _confusion(scores: "Scores") -> Table:
    title = "rows: true digit (diagonal: % correct); columns: predicted"
    table = Table(box=None, pad_edge=False, padding=(0, 1), title=title, title_justify="left")
    table.add_column("")
    for name in [*_DIGITS, "other", "none"]:
        table.add_column(name, justify="right", no_wrap=True)
    for shown, row in enumerate(scores.confusion.tolist()):
        if any(row):
            cells = [Text(f"{n:,}" if n else "·", "" if n else "dim") for n in row]
            if shown < len(_DIGITS):
                cells[shown] = Text(f"{row[shown] / sum(row):.1%}", "dim")
            table.add_row(Text(_DIGITS[shown] if shown < len(_DIGITS) else "none", "bold"), *cells)
    return table


def _confused(scores: "Scores", width: int) -> Text:
    """Return the most frequent confusions, for terminals too narrow for the matrix."""
    names = [*_DIGITS, "other", "none"]
    pairs = [
        (n, f"{shown if shown < len(_DIGITS) else 'none'}→{names[read]} {n:,} ×")
        for shown, row in enumerate(scores.confusion.tolist())
        for read, n in enumerate(row)
        if n and (shown != read or shown >= len(_DIGITS))
    ]
    most = sorted(pairs, key=lambda pair: -pair[0])[:_MISTAKES]
    return Text("confusions\n" + _wrapped([text for _, text in most], width))
