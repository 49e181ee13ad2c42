"""The Typer app: its commands, and the one place where errors become messages and exit codes."""

import os
import sys
import warnings
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from digitseq.cli import console
from digitseq.errors import ArgumentError, DigitSeqError, DigitSeqWarning
from digitseq.interrupts import check, ignore_signals, stopped_by
from digitseq.version import __version__

COMMANDS = ("generate", "batch", "verify", "inspect", "fetch-mnist")

EXAMPLES = {
    "digitseq": """
        digitseq generate 3502 --width 200
        digitseq batch digits -n 10000 --length 4 --width 200
    """,
    "generate": """
        digitseq generate 3502 --min 2 --max 8 --width 200 --seed 1
        digitseq generate 0042 --augment heavy --writer same -o answer.png
    """,
    "batch": """
        digitseq batch digits -n 10000 --length 3-6 --width 200 --seed 1
        digitseq batch splits --train 8000 --test 2000 --length 4 --format npz
    """,
    "verify": """
        digitseq verify digits
        digitseq verify digits --json
    """,
    "inspect": """
        digitseq inspect digits --html report.html --sheet sheet.png
        digitseq inspect digits --predictions predictions.csv --order worst
    """,
    "fetch-mnist": """
        digitseq fetch-mnist
        digitseq fetch-mnist --from ~/Downloads/mnist
    """,
}

# API argument → what the user typed, if it is not the option of the same name.
_WORDS = {
    "digits": "SEQUENCE",
    "out": "OUT",
    "path": "OUT",
    "what": "PATH",
    "sequences": "SEQUENCE",
    "spacing_range": "--min/--max",
    "image_width": "--width",
    "splits": "--train/--validation/--test",
}


def main() -> NoReturn:
    """Run the command line and exit."""
    warnings.simplefilter("always", DigitSeqWarning)
    warnings.showwarning = console.show_warning
    if os.environ.get("COLUMNS") == "0":  # on some systems, this means "unknown"; Rich would use it
        del os.environ["COLUMNS"]
    console.prepare_streams()
    code = _run()
    ignore_signals()
    if number := stopped_by():
        console.say_stopped()
        console.drop_output()
        code = 128 + number
    sys.exit(code)


def _run() -> int:
    """Run the command and return its exit code; report errors."""
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
        hint = "" if error.exit_code != 2 else f"see `{_program(error)} --help`"
        if error.format_message():  # empty if help was shown because there were no arguments
            console.fail(error.format_message().replace("Value error, ", ""), hint)
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except SystemExit as error:  # Rich, if the reader of help closes the pipe
        if not isinstance(error.__context__, BrokenPipeError):
            raise
        code = 0
    except MemoryError:
        console.fail("not enough memory", "use a smaller --width or fewer --workers")
        code = 1
    except OSError as error:
        # Our own errors say what was being done; here only the system's message is known.
        name = f"{error.filename}: " if error.filename else ""
        console.fail(f"{name}{error.strerror or error}", "")
        code = 1
    return code if isinstance(code, int) else 0


def _word(argument: str) -> str:
    if argument in _WORDS:
        return _WORDS[argument]
    is_name = argument.isidentifier() and argument.islower()
    return "--" + argument.replace("_", "-") if is_name else argument


def _program(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    words = [word for word in sys.argv[1:2] if word in COMMANDS]
    return getattr(context, "command_path", " ".join(["digitseq", *words]))


def _examples(name: str) -> str:
    return f"Examples:\n{EXAMPLES[name]}"


# --- Commands -------------------------------------------------------------------------------------------


class _Commands(TyperGroup):
    """The commands, each imported on first use, since a run needs only one."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = dict.fromkeys(COMMANDS)  # type: ignore[assignment] # the source of "did you mean"

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        alone = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
        alone.command(cmd_name, epilog=_examples(cmd_name))(
            getattr(import_module(f"digitseq.cli.{name}"), name)
        )
        return typer.main.get_command(alone)


app = typer.Typer(
    cls=_Commands,
    name="digitseq",
    help="Generate images of handwritten digit sequences, reproducible to the pixel.",
    epilog=_examples("digitseq"),
    no_args_is_help=True,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --version: also libraries, platform and cache, as JSON.")
    ] = False,
) -> None:
    if version and as_json:
        import json

        from digitseq import api

        console.out(json.dumps(api.describe_environment(), indent=1))
    elif version:
        console.out(f"digitseq {__version__}")
    elif as_json:
        raise typer.BadParameter("--json before a command requires --version; write --json after the command")
    elif context.invoked_subcommand is None:
        raise typer.BadParameter(f"expected a command: {', '.join(COMMANDS)}")
    if version:
        raise typer.Exit
