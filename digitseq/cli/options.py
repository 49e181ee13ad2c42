"""Options that commands share, declared once, in groups: a dataclass whose fields are options."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from digitseq.augment.effects import BACKGROUNDS, EFFECTS, SPACING, Augment, preset
from digitseq.cli import values
from digitseq.recipe import Align, Recipe, SpacingFrom, Writer
from digitseq.splits import Split

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only results, warnings and errors.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")]

Command = TypeVar("Command", bound=Callable[..., None])


def with_groups(command: Command) -> Command:
    """
    Expand the option groups among a command's parameters into options.

    Args:
        command: some of its parameters are annotated with a dataclass, and get one.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: hint for name, hint in hints.items() if is_dataclass(hint)}

    @functools.wraps(command)
    def run(**given: Any) -> None:
        found = {
            name: group(**{field.name: given.pop(field.name) for field in fields(group)})
            for name, group in groups.items()
        }
        command(**given, **found)

    parameters = []
    for name, parameter in inspect.signature(command).parameters.items():
        if name not in groups:
            parameters.append(parameter.replace(annotation=hints[name]))
            continue
        options = get_type_hints(groups[name], include_extras=True)
        parameters += [
            inspect.Parameter(
                field.name,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=field.default,
                annotation=options[field.name],
            )
            for field in fields(groups[name])
        ]
    vars(run)["__signature__"] = inspect.Signature(parameters)
    run.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": None}
    del vars(run)["__wrapped__"]
    return run  # type: ignore[return-value] # the same command, to Typer


# --- How images are drawn -------------------------------------------------------------------------------

_LAYOUT = "Layout"


@dataclass(frozen=True)
class Drawing:
    """How images are drawn."""

    minimum: Annotated[
        int | None, typer.Option("--min", help="Least spacing, px; negative overlaps. Default 2, or --max.")
    ] = None
    maximum: Annotated[
        int | None, typer.Option("--max", help="Greatest spacing, px, included. Default 8, or --min.")
    ] = None
    width: Annotated[
        str | None, typer.Option(help="Width of the image, px, or auto (default): as wide as the line.")
    ] = None
    seed: Annotated[
        int | None, typer.Option(help="Same seed, same pixels. Default: a random seed, shown.")
    ] = None
    source: Annotated[
        str | None,
        typer.Option(
            help="mnist, builtin, a path to your own glyphs, or auto (default): mnist if available."
        ),
    ] = None
    style_seed: Annotated[
        int | None,
        typer.Option(
            help="Draw with the built-in digits, from the collection of handwriting of this number."
        ),
    ] = None
    split: Annotated[
        Split | None,
        typer.Option(
            help="Which of the source's glyphs to draw from. Default train.",
            rich_help_panel=_LAYOUT,
        ),
    ] = None
    spacing_from: Annotated[
        SpacingFrom | None,
        typer.Option(
            help="Measure spacing between ink (default), 28 px tiles or contours.", rich_help_panel=_LAYOUT
        ),
    ] = None
    align: Annotated[
        Align | None,
        typer.Option(help="Where the line stands in a wider image. Default center.", rich_help_panel=_LAYOUT),
    ] = None
    invert: Annotated[
        bool | None,
        typer.Option("--invert/--no-invert", help="Black digits on white.", rich_help_panel=_LAYOUT),
    ] = None
    writer: Annotated[
        Writer | None,
        typer.Option(
            help="same: all digits of an image from one writer. Default mixed.", rich_help_panel=_LAYOUT
        ),
    ] = None
    augment: Annotated[
        str | None,
        typer.Option(
            "--augment",
            metavar="PRESET",
            help="none, light, medium, heavy or touching; each effect can also be set.",
        ),
    ] = None

    def source_name(self) -> str | None:
        """The source that was asked for; None if none was."""
        return values.source_name(self.source, self.style_seed)

    def for_recipe(self, effects: "Effects", base: Recipe | None = None) -> dict[str, Any]:
        """
        The fields of a recipe that these options ask for.

        Args:
            effects: the options of effects.
            base: a recipe that holds where nothing is asked for; without one, a preset brings its spacing.

        Raises:
            ArgumentError: a value is not what it must be.
        """
        given = {
            name: getattr(self, name)
            for name in ("seed", "split", "spacing_from", "align", "invert", "writer")
            if getattr(self, name) is not None
        }
        if self.width is not None:
            given["image_width"] = values.width(self.width)
        if base is None:
            measured, usual = SPACING.get(self.augment or "", ("ink", (2, 8)))
            given.setdefault("spacing_from", measured)
            given["spacing_range"] = values.spacing(self.minimum, self.maximum, usual)
            given["augment"] = _settings(self.augment, effects, None)
        else:
            low, high = base.spacing_range
            given["spacing_range"] = (
                low if self.minimum is None else self.minimum,
                high if self.maximum is None else self.maximum,
            )
            given["augment"] = _settings(self.augment, effects, base.settings)
        return given


# --- Effects --------------------------------------------------------------------------------------------

_EFFECTS = "Augmentation: LOW:HIGH, or N for the range from nothing to N (or −N to N)"


class Effects:
    """An option for each effect, from the table of effects."""

    def given(self) -> dict[str, str]:
        """Effect → the text of its option, if there is one."""
        return {name: text for name, text in vars(self).items() if text is not None}


def _option(name: str, metavar: str, meaning: str) -> Any:
    option = typer.Option(f"--{name}", metavar=metavar, help=meaning, rich_help_panel=_EFFECTS)
    return Annotated[str | None, option]


Effects.__annotations__ = {
    **{
        name: _option(name, "RANGE", f"{effect.meaning} {effect.low:g} to {effect.high:g}.")
        for name, effect in EFFECTS.items()
    },
    "chance": _option(
        "chance", "N", "Probability that an image is augmented, 0 to 1; 0.75 in heavy and touching."
    ),
    "backgrounds": _option("backgrounds", "KINDS", f"Kinds of background: some of {','.join(BACKGROUNDS)}."),
}
for _name in Effects.__annotations__:
    setattr(Effects, _name, None)
dataclass(frozen=True)(Effects)


def _settings(name: str | None, effects: Effects, base: Augment | None) -> Augment | None:
    """The settings that --augment and the effects ask for, over those of a recipe."""
    start = preset(name) if name is not None else base
    given: dict[str, Any] = dict(effects.given())
    if not given:
        return start
    for key, text in effects.given().items():
        if key in EFFECTS:
            given[key] = values.strengths(key, text)
    if "chance" in given:
        given["chance"] = values.number("chance", given["chance"])
    if "backgrounds" in given:
        given["backgrounds"] = tuple(given["backgrounds"].split(","))
    return preset((start or Augment()).to_dict() | given)
