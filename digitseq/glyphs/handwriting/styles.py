"""Styles of the built-in digits: the allographs, and the average slant and pen of the writers."""

from typing import NamedTuple

from digitseq.errors import ArgumentError


class Style(NamedTuple):
    """
    A style of handwriting.

    Attributes:
        name: the name in a source, such as "builtin:copperplate", and of the allograph file.
        slant: average slant to the right, as the tangent of the angle from the vertical, percent.
        slant_spread: standard deviation of that tangent, thousandths.
        pen: median radius of the pen, 1/100 px.
        flex: how much the radius grows in downstrokes and shrinks in upstrokes, percent.
        pens: median pen radius for each digit, percent of `pen`.
        loop: maximum pen radius, which keeps loops open, percent of the shorter side of the digit.
        edge: how fast the ink fades at the edges of strokes, in sixtieths of full strength per px.
        jitter: typical movement of a path's control points, percent of the digit's height.
        grip: weights of the writer and of the glyph in the variation of the pen's radius, percent. Their
            squares add up to about 10,000, which keeps the total variance constant.
    """

    name: str
    slant: int
    slant_spread: int
    pen: int
    flex: int
    pens: tuple[int, ...] = (100,) * 10
    loop: int = 22
    edge: int = 50
    jitter: int = 3
    grip: tuple[int, int] = (74, 67)

    @property
    def identity(self) -> str:
        """The text that is hashed. Defaults at the end are left out, so new fields change no digest."""
        values: list[object] = list(self)
        for name in reversed(self._field_defaults):
            if values[-1] != self._field_defaults[name]:
                break
            values.pop()
        return str(tuple(values))


STYLES = {
    style.name: style
    for style in (
        Style("modern", 16, 270, 120, 0),
        Style(
            "casual", 16, 270, 120, 0, (122, 106, 108, 106, 97, 97, 104, 104, 101, 96), 26, 57, 4, (88, 47)
        ),
        Style("copperplate", 50, 160, 95, 22, grip=(88, 47)),
    )
}
"""Styles by name; the first one is the default."""

MODERN = STYLES["modern"]


def style_named(name: str) -> Style:
    """
    Return the style with this name.

    Raises:
        ArgumentError: there is no such style.
    """
    if not isinstance(name, str) or name not in STYLES:
        raise ArgumentError("style", f"expected one of {', '.join(STYLES)}, got {name!r}")
    return STYLES[name]
