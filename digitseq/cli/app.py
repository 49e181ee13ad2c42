"""The program: its commands, and the one place where errors become words and exit codes."""

import os
import sys
import warnings
from contextlib import suppress
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from digitseq.cli import console
from digitseq.errors import ArgumentError, DigitSeqError, DigitSeqWarning
from digitseq.interrupts import check, ignore_signals, stopped_by
from digitseq.version import __version__

COMMANDS = ("generate", "batch", "verify", "inspect", "fetch-mnist")

# The API's names of arguments → what the user wrote, where that is not an option of the same name.
_WORDS = {
    "digits": "SEQUENCE",
    "sequences": "SEQUENCE",
    "spacing_range": "--min/--max",
    "image_width": "--width",
    "splits": "--train/--validation/--test",
}


def main() -> NoReturn:
    """Run the command line and exit."""
    warnings.simplefilter("always", DigitSeqWarning)
    warnings.showwarning = console.show_warning
    console.prepare_streams()
    code = _run()
    ignore_signals()
    if number := stopped_by():
        console.say_stopped()
        _drop_output()
        code = 128 + number
    sys.exit(code)


def _run() -> int:
    """Run the command; the one place where errors become words and exit codes."""
    try:
        check()
        code = app(prog_name="digitseq", standalone_mode=False)
        with console.standard_output():
            sys.stdout.flush()
    except ArgumentError as error:
        console.fail(f"{_word(error.argument)}: {error.problem}", error.hint)
        code = 2
    except DigitSeqError as error:
        console.fail(error.problem, error.hint)
        code = 1
    except typer.TyperException as error:
        hint = "" if error.exit_code != 2 else f"{_program(error)} --help lists what there is"
        if error.format_message():  # not when help was shown for want of arguments
            console.fail(error.format_message(), hint)
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except BrokenPipeError:
        _drop_output()  # whoever read it has gone
        code = 1
    except MemoryError:
        console.fail("there is not enough memory", "a smaller --width, or fewer --workers, needs less")
        code = 1
    except OSError as error:
        # Where it is known what was being done, the error says so; here only the system's words are known.
        name = f"{error.filename}: " if error.filename else ""
        console.fail(f"{name}{error.strerror or error}", "")
        code = 1
    return code if isinstance(code, int) else 0


def _drop_output() -> None:
    """Discard unwritten output; otherwise Python would try to write it at exit, and block or complain."""
    with suppress(OSError, ValueError):  # not a real file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _word(argument: str) -> str:
    if argument in _WORDS:
        return _WORDS[argument]
    is_name = argument.isidentifier() and argument.islower()
    return "--" + argument.replace("_", "-") if is_name else argument


def _program(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    words = [word for word in sys.argv[1:2] if word in COMMANDS]
    return getattr(context, "command_path", " ".join(["digitseq", *words]))


# --- Commands -------------------------------------------------------------------------------------------


class _Commands(TyperGroup):
    """The commands, each loaded when it is asked for: one of them is all that most runs need."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = dict.fromkeys(COMMANDS)  # type: ignore[assignment] # suggestions look here

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        alone = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
        alone.command(cmd_name)(getattr(import_module(f"digitseq.cli.{name}"), name))
        return typer.main.get_command(alone)


app = typer.Typer(
    cls=_Commands,
    name="digitseq",
    help="Draw images of handwritten digit sequences, reproducible to the pixel.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _version(value: bool) -> None:
    if value:
        console.out(f"digitseq {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass
