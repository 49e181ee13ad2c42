"""Styles of the built-in digits: which allographs, and the average slant and pen of the writers."""

from typing import NamedTuple

from digitseq.errors import ArgumentError


class Style(NamedTuple):
    """
    One style.

    Attributes:
        name: its name in a source, such as "builtin:copperplate", and of the file with its allographs.
        slant: average slant to the right, percent (the tangent of the angle).
        slant_spread: standard deviation of the slant, in thousandths.
        pen: typical radius of the pen, 1/100 px.
        flex: how much the radius grows on the way down and shrinks on the way up, percent.
    """

    name: str
    slant: int
    slant_spread: int
    pen: int
    flex: int


STYLES = {
    style.name: style
    for style in (
        Style("modern", 16, 270, 120, 0),
        Style("copperplate", 50, 160, 95, 22),
    )
}
"""Styles by name; the first one is the default."""

MODERN = STYLES["modern"]


def style_named(name: str) -> Style:
    """
    Return a style.

    Raises:
        ArgumentError: there is no such style.
    """
    if name not in STYLES:
        raise ArgumentError("style", f"expected one of {', '.join(STYLES)}, got {name!r}")
    return STYLES[name]
