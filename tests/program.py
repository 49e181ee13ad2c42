"""
The program, run in a copy of a process that has already imported it.

Starting Python and importing numpy and Typer takes longer than most commands. So the first command starts a
server (``python -m tests.program``), which forks for every command. Each copy gets the arguments, variables,
folder and streams of a new process, in the encoding set by PYTHONIOENCODING. Tests that depend on how Python
starts need a new process: closed streams, signals, imports.
"""

import atexit
import io
import json
import os
import select
import subprocess
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import IO, Any, cast

_TIMEOUT_S = 120
_AT_START = (
    *("PYTHONUTF8", "PYTHONWARNINGS", "PYTHONPATH", "PYTHONOPTIMIZE"),
    *("LANG", "LC_ALL", "LC_CTYPE", "GITHUB_ACTIONS", "FORCE_COLOR", "TERMINAL_WIDTH"),
)
"""Variables that are read when Python starts or when Typer is imported."""
_server: "subprocess.Popen[bytes] | None" = None


def run(
    *arguments: str,
    cwd: str | Path | None = None,
    env: dict[str, str] | None = None,
    stdin: bytes = b"",
    merged: bool = False,
) -> "subprocess.CompletedProcess[bytes]":
    """
    Run ``digitseq`` to its end.

    Args:
        arguments: its arguments.
        cwd: its current folder; None for that of this process.
        env: its whole environment; None for that of this process.
        stdin: what it reads.
        merged: both streams are one, standard output, as on a terminal.

    Returns:
        Its exit code and what it wrote to both streams.
    """
    variables = dict(os.environ if env is None else env)
    if any(variables.get(name) != os.environ.get(name) for name in _AT_START) or not hasattr(os, "fork"):
        return subprocess.run(
            [sys.executable, "-m", "digitseq", *arguments],
            cwd=cwd,
            env=variables,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merged else subprocess.PIPE,
            check=False,
            timeout=_TIMEOUT_S,
        )
    with tempfile.TemporaryDirectory(prefix="program-") as folder:
        files = {name: Path(folder, name) for name in ("stdin", "stdout", "stderr")}
        files["stdin"].write_bytes(stdin)
        names = {name: str(files["stdout" if merged and name == "stderr" else name]) for name in files}
        code = _ask({"arguments": arguments, "cwd": str(cwd or Path.cwd()), "variables": variables, **names})
        output = files["stdout"].read_bytes()
        errors = b"" if merged else files["stderr"].read_bytes()
    return subprocess.CompletedProcess(["digitseq", *arguments], code, output, errors)


def as_text(
    done: "subprocess.CompletedProcess[bytes]", encoding: str = "utf-8", errors: str = "strict"
) -> "subprocess.CompletedProcess[str]":
    """Return a result with its output decoded."""
    output, said = (data.decode(encoding, errors) for data in (done.stdout, done.stderr))
    return subprocess.CompletedProcess(done.args, done.returncode, output, said)


# --- The server -------------------------------------------------------------------------------------------


def _ask(request: dict[str, Any]) -> int:
    """Have the server run a command; return its exit code."""
    global _server
    if _server is None:
        command, root = [sys.executable, "-m", "tests.program"], Path(__file__).parents[1]
        _server = subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        atexit.register(_stop, _server)
    commands, codes = cast("IO[bytes]", _server.stdin), cast("IO[bytes]", _server.stdout)
    commands.write(json.dumps(request).encode() + b"\n")
    commands.flush()
    if not select.select([codes], [], [], _TIMEOUT_S)[0]:
        _stop(_server)
        _server = None
        raise TimeoutError(f"digitseq {' '.join(request['arguments'])}: not done after {_TIMEOUT_S} s")
    return int(codes.readline())


def _stop(server: "subprocess.Popen[bytes]") -> None:
    with server:
        server.kill()


def _serve() -> None:
    _import_everything()
    for line in sys.stdin.buffer:
        if child := os.fork():
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            sys.stdout.write(f"{code}\n")
            sys.stdout.flush()
            continue
        code = 1
        try:
            _become(json.loads(line))
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            os._exit(code)


def _import_everything() -> None:
    import digitseq.inspection.inspect
    import digitseq.inspection.page
    import digitseq.picture  # noqa: F401 - the copies use them
    from digitseq.cli.app import main

    for arguments in (["--help"], ["generate", "3x"], ["generate", "1", "--nothing"], ["verify", "/nothing"]):
        sys.argv = ["digitseq", *arguments]  # Typer imports most of what it needs when it runs
        nothing = io.StringIO()
        with redirect_stdout(nothing), redirect_stderr(nothing), suppress(SystemExit):
            main()


def _become(request: dict[str, Any]) -> None:
    """Turn this process into the program."""
    import runpy

    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["variables"])
    write = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    for number, (name, flags) in enumerate((("stdin", os.O_RDONLY), ("stdout", write), ("stderr", write))):
        source = os.open(request[name], flags)
        os.dup2(source, number)
        os.close(source)
    # Descriptors, for the life of the process.
    encoding = os.environ.get("PYTHONIOENCODING")
    sys.stdin = open(0, encoding=encoding, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding=encoding, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, encoding, "backslashreplace", closefd=False)  # noqa: SIM115
    sys.argv = ["digitseq", *request["arguments"]]
    runpy.run_module("digitseq", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _serve()
