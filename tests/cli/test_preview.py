"""Pictures in the terminal: where their lines break, and how they look without colours."""

import io

import numpy as np
import pytest
from rich.console import Console

from digitseq import draw, make_recipe
from digitseq.arrays import UInt8Array
from digitseq.cli import preview
from digitseq.cli.preview import show


def _shown(image: UInt8Array, columns: int, boxes: list[list[int]]) -> tuple[str, list[int]]:
    """Return what is printed without colours, and the width of each line of digits."""
    out, widths = io.StringIO(), []
    original = preview._show_strip

    def noted(console: Console, strip: UInt8Array, plain: bool) -> None:
        widths.append(strip.shape[1])
        original(console, strip, plain)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preview, "_show_strip", noted)
        show(Console(file=out, width=columns, no_color=True, force_terminal=True), image, boxes)
    return out.getvalue(), widths


@pytest.mark.parametrize("columns", [40, 60, 80])
@pytest.mark.parametrize("with_boxes", [True, False])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_line_breaks_between_digits(columns: int, with_boxes: bool, seed: int) -> None:
    recipe = make_recipe(["0123456789"], (2, 8), None, seed=seed, source="builtin")
    (picture,) = draw(recipe)
    boxes = picture.boxes.tolist()
    _, widths = _shown(picture.image, columns, boxes if with_boxes else [])
    scale = sum(widths) / picture.image.shape[1]
    assert scale > 0.49
    assert max(widths) <= columns
    ends = np.cumsum(widths)[:-1] / scale
    for end in ends:
        inside = [(x, w) for x, _, w, _ in boxes if x + 1 < end < x + w - 1]
        # Without boxes, a line may also break at a blank column inside a broken digit.
        assert not inside or (not with_boxes and not picture.image[:, round(end)].any())
    assert len(widths) <= -(-sum(widths) // (columns - 14))  # the lines are full, but for one digit


@pytest.mark.parametrize("invert", [False, True])
def test_without_colours_ink_has_the_colour_of_text(invert: bool) -> None:
    image = np.full((28, 60), 255 * invert, np.uint8)
    image[4:24, 20:30] = 255 * (not invert)
    text, _ = _shown(image, 80, [])
    assert text.count("█") == 10 * 10


def test_a_digit_wider_than_the_terminal_is_cut() -> None:
    image = np.full((28, 200), 255, np.uint8)
    _, widths = _shown(image, 40, [[0, 0, 200, 28]])
    assert widths == [40, 40, 20]
