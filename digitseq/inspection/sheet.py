"""Draw contact sheets: many images with their labels in one picture."""

from pathlib import Path

import numpy as np

from digitseq.arrays import IntArray, UInt8Array
from digitseq.checks import home_path, integer
from digitseq.errors import ArgumentError
from digitseq.glyphs.tiles import SIDE
from digitseq.inspection.output import check_output, write_beside
from digitseq.inspection.report import Report
from digitseq.inspection.selection import Choice, checked_choice, choose

_SCALE, _CAPTION_PX, _MARGIN_PX = 2, 16, 8
_USUAL_WIDTH_PX = 1_400
_CAPTION = 300  # characters of a label or a prediction
_MOST_PIXELS = 200_000_000
_PAPER, _INK, _RIGHT, _WRONG, _BOX = (
    (250, 250, 250),
    (40, 40, 40),
    (20, 120, 60),
    (190, 30, 30),
    (0, 150, 220),
)


def draw_sheet(
    report: Report,
    rows: int = 12,
    cols: int | None = None,
    *,
    choice: Choice | None = None,
    boxes: bool = False,
) -> UInt8Array:
    """
    Draw a contact sheet: images with their labels.

    Args:
        report: report on the images.
        rows: number of rows.
        cols: number of columns; None for as many as fit into 1,400 px.
        choice: images to show; None for a random sample with seed 0, worst errors first if there are
            predictions.
        boxes: outline the bounding boxes of the digits.

    Returns:
        Uint8 (height, width, 3), sRGB.

    Raises:
        ArgumentError: no image matches the choice, or the sheet would be too large.

    >>> from digitseq import inspect_dataset, make_recipe
    >>> report = inspect_dataset(make_recipe(["42"], (0, 0), 60, count=9, seed=1, source="builtin"))
    >>> draw_sheet(report, 3, 2).shape
    (248, 264, 3)
    """
    rows, cols = integer("rows", rows, 1, 10_000), cols if cols is None else integer("cols", cols, 1, 1_000)
    most = rows * (cols or 64)
    return _draw(report, choose(report, most, checked_choice(choice)), rows, cols, boxes)


def write_sheet(
    report: Report,
    path: str | Path,
    rows: int = 12,
    cols: int | None = None,
    *,
    choice: Choice | None = None,
    boxes: bool = False,
    force: bool = False,
) -> Path:
    """
    Write a contact sheet as a PNG file.

    Args:
        report: as in `draw_sheet`.
        path: output file; its name ends in .png.
        rows: as in `draw_sheet`.
        cols: as in `draw_sheet`.
        choice: as in `draw_sheet`.
        boxes: as in `draw_sheet`.
        force: replace an existing file.

    Returns:
        The path.

    Raises:
        OutputError: the file exists or cannot be written.
        ArgumentError: as in `draw_sheet`, or the name does not end in .png.
    """
    from PIL import Image

    path = home_path(path)
    check_output(path, "sheet", force=force)
    sheet = Image.fromarray(draw_sheet(report, rows, cols, choice=choice, boxes=boxes))
    return write_beside(report, path, lambda file: sheet.save(file, "png"), force)


def _draw(report: Report, images: IntArray, rows: int, cols: int | None, boxes: bool) -> UInt8Array:
    from PIL import Image, ImageDraw, ImageFont

    table = report.table
    known = table.width_px[images]
    wide = max(1, int(known[: rows * (cols or len(known))].max(initial=1))) * _SCALE
    cols = min(cols or max(1, (_USUAL_WIDTH_PX - _MARGIN_PX) // (wide + _MARGIN_PX)), len(images))
    images = images[: rows * cols]
    rows = -(-len(images) // cols)
    first = next(
        (p for p in map(table.pixels, images.tolist()) if p is not None), np.zeros((SIDE, 1), np.uint8)
    )
    high = len(first) * _SCALE
    width, height = (
        cols * (wide + _MARGIN_PX) + _MARGIN_PX,
        rows * (high + _CAPTION_PX + _MARGIN_PX) + _MARGIN_PX,
    )
    if width * height > _MOST_PIXELS:
        raise ArgumentError("rows", f"the sheet would be {width:,}×{height:,} px; use fewer rows or columns")
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=12)
    for place, image in enumerate(images.tolist()):
        picture = table.pixels(image)
        row, col = divmod(place, cols)
        x, y = _MARGIN_PX + col * (wide + _MARGIN_PX), _MARGIN_PX + row * (high + _CAPTION_PX + _MARGIN_PX)
        if picture is not None:
            size = (picture.shape[1] * _SCALE, picture.shape[0] * _SCALE)
            sheet.paste(Image.fromarray(picture).resize(size, Image.Resampling.NEAREST), (x, y))
        if boxes:
            for left, top, across, down in table.boxes_of(image).tolist():
                if left >= 0:
                    corner = (x + (left + across) * _SCALE - 1, y + (top + down) * _SCALE - 1)
                    draw.rectangle((x + left * _SCALE, y + top * _SCALE, *corner), outline=_BOX)
        text, colour = _caption(report, image)
        fits = next((n for n in range(len(text), 0, -1) if draw.textlength(text[:n], font) <= wide), 0)
        text = text if fits == len(text) else text[: max(fits - 1, 0)] + "…"
        draw.text((x, y + high + 1), text, colour, font)
    return np.array(sheet, np.uint8)  # copied, because Pillow's memory is read-only


def _caption(report: Report, image: int) -> tuple[str, tuple[int, int, int]]:
    label = report.table.labels[image]
    if not report.table.readable[image]:
        return f"{label[:_CAPTION]} (no image)", _WRONG
    if report.scores is None or (read := report.scores.texts[image]) is None:
        return label[:_CAPTION] or report.table.name(image), _INK
    if read == label:
        return label[:_CAPTION], _RIGHT
    shown = "".join(c if c.isascii() and c.isprintable() else "?" for c in read[:_CAPTION])
    return f"{label[:_CAPTION]} read as {shown or 'nothing'}", _WRONG
