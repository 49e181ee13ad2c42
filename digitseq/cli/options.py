"""Options shared by commands, declared once, in groups: dataclasses whose fields are options."""

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

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only results, warnings and errors.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

Command = TypeVar("Command", bound=Callable[..., None])


def with_groups(command: Command) -> Command:
    """
    Expand the option groups among a command's parameters into options.

    Args:
        command: a function; each parameter annotated with a dataclass receives an instance of it.
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
    return run  # type: ignore[return-value] # Typer sees the same command


# --- Rendering ----------------------------------------------------------------------------------------------

_LAYOUT = "Layout"


@dataclass(frozen=True)
class Drawing:
    """Options for rendering images."""

    minimum: Annotated[
        int | None,
        typer.Option(
            "--min", help="Minimum spacing in px; negative: digits overlap (default: 2, or --max if smaller)."
        ),
    ] = None
    maximum: Annotated[
        int | None,
        typer.Option("--max", help="Maximum spacing in px, inclusive (default: 8, or --min if larger)."),
    ] = None
    width: Annotated[
        str | None, typer.Option(help="Image width in px, or auto to fit the line (default: auto).")
    ] = None
    seed: Annotated[
        int | None,
        typer.Option(help="Same seed, same images. If omitted, a random seed is chosen and printed."),
    ] = None
    source: Annotated[
        list[str] | None,
        typer.Option(
            help="mnist, builtin, builtin:casual (hurried handwriting, closest to MNIST), "
            "builtin:copperplate (slanted 19th-century handwriting), a path to your own glyphs, or auto: "
            "mnist if available, else builtin (default: auto). Repeat the option to mix sources; mnist=2 "
            "doubles the weight of mnist."
        ),
    ] = None
    style_seed: Annotated[
        int | None,
        typer.Option(
            help="Handwriting seed of the built-in digits (default: 0). Without --source, implies builtin."
        ),
    ] = None
    split: Annotated[
        Split | None,
        typer.Option(
            help="Split of the source that glyphs are sampled from (default: train).",
            rich_help_panel=_LAYOUT,
        ),
    ] = None
    spacing_from: Annotated[
        SpacingFrom | None,
        typer.Option(
            help="Measure spacing between ink, 28 px tiles or contours (default: ink).",
            rich_help_panel=_LAYOUT,
        ),
    ] = None
    margin: Annotated[
        int | None,
        typer.Option(
            help="Blank px at each end of the line, with --width auto (default: 0).", rich_help_panel=_LAYOUT
        ),
    ] = None
    align: Annotated[
        Align | None,
        typer.Option(
            help="Position of the line, with a fixed --width (default: center).", rich_help_panel=_LAYOUT
        ),
    ] = None
    invert: Annotated[
        bool | None,
        typer.Option(
            "--invert/--no-invert",
            help="Black digits on white (default: --no-invert).",
            rich_help_panel=_LAYOUT,
        ),
    ] = None
    writer: Annotated[
        Writer | None,
        typer.Option(
            help="same: one writer per image; mixed: any writer for each digit (default: mixed).",
            rich_help_panel=_LAYOUT,
        ),
    ] = None
    augment: Annotated[
        str | None,
        typer.Option(
            "--augment",
            metavar="PRESET",
            help="none, light, medium, heavy, touching or paper (default: none). heavy, touching and paper "
            "also set the default spacing. Effect options override the preset.",
        ),
    ] = None

    def source_name(self, recipe_source: str = "") -> str | None:
        """Return the requested source, or None."""
        return values.source_name(self.source, self.style_seed, recipe_source)

    def for_recipe(self, effects: "Effects", base: Recipe | None = None) -> dict[str, Any]:
        """
        Return these options as fields of a recipe.

        Args:
            effects: the effect options.
            base: the recipe to change. Without one, options not given take their defaults, and the default
                spacing is that of the preset.

        Raises:
            ArgumentError: a value is invalid.
        """
        given = {
            name: getattr(self, name)
            for name in ("seed", "split", "spacing_from", "margin", "align", "invert", "writer")
            if getattr(self, name) is not None
        }
        if self.width is not None:
            given["image_width"] = values.width(self.width)
        elif self.align is not None and (base is None or base.image_width is None):
            raise typer.BadParameter("--align requires --width, for example --width 200")
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

_EFFECTS = "Augmentation: LOW:HIGH, or N: from no effect to N (or −N to N)"


class Effects:
    """One option per effect, generated from the table of effects."""

    def given(self) -> dict[str, str]:
        """Return effect → option text for the options given."""
        return {name: text for name, text in vars(self).items() if text is not None}


def _option(name: str, metavar: str, meaning: str) -> Any:
    option = typer.Option(f"--{name}", metavar=metavar, help=meaning, rich_help_panel=_EFFECTS)
    return Annotated[str | None, option]


Effects.__annotations__ = {
    **{
        name: _option(
            name,
            "RANGE",
            f"{effect.meaning} Range: {effect.low:g} to {effect.high:g}."
            + (" N means 1−N to 1+N." if effect.single == "around" and effect.neutral else ""),
        )
        for name, effect in EFFECTS.items()
    },
    "chance": _option(
        "chance",
        "N",
        "Probability that an image is augmented, 0 to 1 (default: the preset's value, else 1).",
    ),
    "backgrounds": _option(
        "backgrounds",
        "KINDS",
        f"Kinds of background, comma-separated: {', '.join(BACKGROUNDS)} "
        "(default: the preset's kinds, else all but ledger).",
    ),
}
for _name in Effects.__annotations__:
    setattr(Effects, _name, None)
dataclass(frozen=True)(Effects)


def _settings(name: str | None, effects: Effects, base: Augment | None) -> Augment | None:
    """Return the settings of --augment and the effect options; the rest comes from ``base``."""
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
    made = preset((start or Augment()).to_dict() | given)
    # --background 0 and --augment none are allowed, so that a script can try several values.
    used = made or Augment()
    if "backgrounds" in given and "background" not in given and not used.uses("background"):
        raise typer.BadParameter("--backgrounds requires --background, for example --background 70")
    if "chance" in given and name is None and not used.ranges and not given.keys() & EFFECTS.keys():
        raise typer.BadParameter("--chance requires an effect or a preset, for example --augment heavy")
    return made
