"""Options of augmentation: one for each effect, added to a command that has a parameter ``effects``."""

import functools
import inspect
import os
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from digitseq.augment.effects import BACKGROUNDS, EFFECTS, Augment, preset
from digitseq.errors import ArgumentError

Preset = Annotated[
    str | None,
    typer.Option(
        "--augment",
        metavar="PRESET",
        help="none, light, medium, heavy or touching; --help lists the effects, which can each be set, too.",
    ),
]

Effects = dict[str, str]
_PANEL = "Augmentation: LOW:HIGH, or N for the range from nothing to N (or −N to N)"
_KINDS, _CHANCE = "backgrounds", "chance"


def with_effects(command: Callable[..., None]) -> Callable[..., None]:
    """
    A command with an option for each effect.

    Typer spends time on every option. A `generate` that uses none of these gets along without them.

    Args:
        command: has a parameter ``effects``, which gets those that are given: name → text.
    """
    names = {*EFFECTS, _KINDS, _CHANCE}
    options = {word.partition("=")[0].removeprefix("--") for word in sys.argv[1:] if word.startswith("--")}
    completing = any(name.endswith("_COMPLETE") for name in os.environ)
    wanted = (
        completing or bool(options & (names | {"help"})) or "-h" in sys.argv or _may_be_short(options, names)
    )

    @functools.wraps(command)
    def run(**values: Any) -> None:
        effects = {name: values.pop(name) for name in (*EFFECTS, _KINDS, _CHANCE) if name in values}
        command(**values, effects={name: text for name, text in effects.items() if text is not None})

    signature = inspect.signature(command)
    parameters = [p for p in signature.parameters.values() if p.name != "effects"]
    if wanted:
        parameters += [
            _option(name, f"{effect.meaning} {effect.low:g} to {effect.high:g}.", "RANGE")
            for name, effect in EFFECTS.items()
        ]
        parameters.append(
            _option(
                _CHANCE, "Chance of an image to be roughened at all, 0 to 1; 0.75 in heavy and touching.", "N"
            )
        )
        parameters.append(_option(_KINDS, f"Kinds of background: some of {','.join(BACKGROUNDS)}.", "KINDS"))
    vars(run)["__signature__"] = signature.replace(parameters=parameters)
    run.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": None}
    del vars(run)["__wrapped__"]
    return run


def _may_be_short(options: set[str], names: set[str]) -> bool:
    # A misspelt option deserves the suggestion that only the full list can give.
    return any(option and any(name.startswith(option[:3]) for name in names) for option in options)


def _option(name: str, meaning: str, metavar: str) -> inspect.Parameter:
    option = typer.Option(f"--{name}", metavar=metavar, help=meaning, rich_help_panel=_PANEL)
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Parameter(name, kind, default=None, annotation=Annotated[str | None, option])


def settings(name: str | None, effects: Effects, base: Augment | None = None) -> Augment | None:
    """
    The settings that --augment and the effects ask for.

    Args:
        name: of a preset; None starts from ``base``.
        effects: name → text, set over it.
        base: what holds where neither says anything.

    Raises:
        ArgumentError: a preset or a strength is not what it must be.
    """
    start = preset(name) if name is not None else base
    if not effects:
        return start
    given: dict[str, Any] = {key: strengths(key, text) for key, text in effects.items() if key in EFFECTS}
    if _CHANCE in effects:
        given[_CHANCE] = _number(_CHANCE, effects[_CHANCE])
    if _KINDS in effects:
        given[_KINDS] = tuple(effects[_KINDS].split(","))
    return preset((start or Augment()).to_dict() | given)


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ArgumentError(name, f"expected a number, got {text!r}") from None


def strengths(name: str, text: str) -> float | tuple[float, float]:
    """
    A strength or a range of them.

    >>> strengths("rotate", "10"), strengths("slant", "-20:20")
    (10.0, (-20.0, 20.0))
    """
    low, colon, high = text.partition(":")
    try:
        return (float(low), float(high)) if colon else float(low)
    except ValueError:
        raise ArgumentError(name, f"expected a number or LOW:HIGH, got {text!r}") from None
