"""A contact sheet: many images with their labels in one picture."""

import numpy as np

from digitseq.arrays import IntArray, UInt8Array
from digitseq.checks import integer
from digitseq.errors import ArgumentError
from digitseq.inspection.report import Report

_SCALE, _CAPTION_PX, _MARGIN_PX = 2, 16, 8
_USUAL_WIDTH_PX = 1_400
_MOST_PIXELS = 200_000_000
_PAPER, _INK, _RIGHT, _WRONG, _BOX = (
    (250, 250, 250),
    (40, 40, 40),
    (20, 120, 60),
    (190, 30, 30),
    (0, 150, 220),
)


def draw_sheet(
    report: Report, images: IntArray, rows: int, cols: int | None = None, *, boxes: bool = False
) -> UInt8Array:
    """
    A contact sheet.

    Args:
        report: where the images are from.
        images: int (images,), places in its table; those that do not fit on the sheet are left out.
        rows: of the sheet.
        cols: of the sheet; None for as many as fit into 1,400 px.
        boxes: draw the boxes of the digits.

    Returns:
        uint8 (height, width, 3), sRGB. Each image is twice its size, with its label below; with predictions
        the prediction beside it where it is wrong.

    Raises:
        ArgumentError: no images, or a sheet of more than 200 million pixels.
    """
    from PIL import Image, ImageDraw, ImageFont

    rows = integer("rows", rows, 1, 10_000)
    table = report.table
    if not len(images):
        raise ArgumentError("images", "there are none of that kind to show")
    pictures = [table.pixels(int(image)) for image in images[: rows * (cols or 64)]]
    wide = max((p.shape[1] for p in pictures if p is not None), default=1) * _SCALE
    high = max((p.shape[0] for p in pictures if p is not None), default=1) * _SCALE
    if cols is None:
        cols = max(1, (_USUAL_WIDTH_PX - _MARGIN_PX) // (wide + _MARGIN_PX))
    cols = min(integer("cols", cols, 1, 1_000), len(pictures))
    pictures = pictures[: rows * cols]
    rows = -(-len(pictures) // cols)
    width, height = (
        cols * (wide + _MARGIN_PX) + _MARGIN_PX,
        rows * (high + _CAPTION_PX + _MARGIN_PX) + _MARGIN_PX,
    )
    if width * height > _MOST_PIXELS:
        raise ArgumentError(
            "rows", f"the sheet would be {width:,}×{height:,} px; ask for fewer rows or columns"
        )
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=12)
    for place, (image, picture) in enumerate(zip(images.tolist(), pictures, strict=False)):
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
        while text and draw.textlength(text, font) > wide:
            text = text[: -2 if text.endswith("…") else -1].rstrip("…") + "…" if len(text) > 2 else ""
        draw.text((x, y + high + 1), text, colour, font)
    return np.asarray(sheet)


def _caption(report: Report, image: int) -> tuple[str, tuple[int, int, int]]:
    label = report.table.labels[image]
    if report.scores is None or (read := report.scores.texts[image]) is None:
        return label or report.table.name(image), _INK
    if read == label:
        return label, _RIGHT
    shown = "".join(c if c.isascii() and c.isprintable() else "?" for c in read)
    return f"{label} read as {shown or 'nothing'}", _WRONG
