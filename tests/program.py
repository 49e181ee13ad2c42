"""
The program, run in a copy of a process that has already imported it.

Starting Python and importing numpy and Typer takes longer than most commands. So the first command starts a
server (``python -m tests.program``), which forks for every command. Each copy gets the arguments, variables,
folder and streams of a new process, in the encoding set by PYTHONIOENCODING. Tests call `run`; shell scripts
use the program that `install` writes. Tests of closed streams, signals and imports need a new process, as
they depend on how Python starts.
"""

import atexit
import io
import json
import os
import select
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any, NoReturn

from tests.client import TIMEOUT_S, ask

_AT_START = (
    *("PYTHONUTF8", "PYTHONWARNINGS", "PYTHONPATH", "PYTHONOPTIMIZE"),
    *("LANG", "LC_ALL", "LC_CTYPE", "GITHUB_ACTIONS", "FORCE_COLOR", "TERMINAL_WIDTH"),
)
"""Variables that are read when Python starts or when Typer is imported."""
_OF_SERVER = {
    name: os.environ[name]
    for name in _AT_START
    if name in os.environ and name not in ("GITHUB_ACTIONS", "FORCE_COLOR")  # tests run without these two
}
_sockets: list[str] = []
"""The path of the server's socket, once it runs."""


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
    if any(variables.get(name) != _OF_SERVER.get(name) for name in _AT_START) or not hasattr(os, "fork"):
        return subprocess.run(
            [sys.executable, "-m", "digitseq", *arguments],
            cwd=cwd,
            env=variables,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merged else subprocess.PIPE,
            check=False,
            timeout=TIMEOUT_S,
        )
    with (
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as errors,
    ):
        given.write(stdin)
        given.seek(0)
        streams = [file.fileno() for file in (given, output, output if merged else errors)]
        code = ask(_address(), list(arguments), str(cwd or Path.cwd()), variables, streams)
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(["digitseq", *arguments], code, output.read(), errors.read())


def install(program: Path) -> None:
    """Write an executable that acts like ``digitseq`` but runs in a fork of the server."""
    client = Path(__file__).with_name("client.py")
    command = shlex.join([sys.executable, "-IS", str(client), _address()])
    program.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    program.chmod(0o755)


def as_text(
    done: "subprocess.CompletedProcess[bytes]", encoding: str = "utf-8", errors: str = "strict"
) -> "subprocess.CompletedProcess[str]":
    """Return a result with its output decoded."""
    output, said = (data.decode(encoding, errors) for data in (done.stdout, done.stderr))
    return subprocess.CompletedProcess(done.args, done.returncode, output, said)


# --- The server -------------------------------------------------------------------------------------------


def _address() -> str:
    """Start the server if it is not running yet; return the path of its socket."""
    if not _sockets:
        folder = tempfile.mkdtemp(prefix="program-")
        address = str(Path(folder, "socket"))
        command, root = [sys.executable, "-m", "tests.program", address], Path(__file__).parents[1]
        variables = {name: value for name, value in os.environ.items() if name not in _AT_START} | _OF_SERVER
        server = subprocess.Popen(
            command, cwd=root, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        atexit.register(_stop, server, folder)
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        _sockets.append(address)
    return _sockets[0]


def _stop(server: "subprocess.Popen[bytes]", folder: str) -> None:
    with server:
        server.kill()
    shutil.rmtree(folder, ignore_errors=True)


def _serve(address: str) -> None:
    _import_everything()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while (
            sys.stdin not in select.select([listener, sys.stdin], [], [])[0]
        ):  # stdin closes when the tests end
            connection, _ = listener.accept()
            with connection:
                if not os.fork():
                    listener.close()
                    _keep(connection)
            _bury()


def _bury() -> None:
    """Reap the finished processes of `_keep`."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _keep(connection: socket.socket) -> NoReturn:
    """Fork once more to run the command, wait for it, and send its exit code."""
    request, streams, _, _ = socket.recv_fds(connection, 2**16, 3)
    with connection.makefile("rb") as rest:
        request += rest.readline()
    if child := os.fork():
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        with suppress(OSError):  # nobody waits for it any more
            connection.sendall(f"{code}\n".encode())
        os._exit(0)
    connection.close()
    code = 1
    try:
        _become(json.loads(request), streams)
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


def _become(request: dict[str, Any], streams: list[int]) -> None:
    """Turn this process into the program."""
    import runpy

    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["variables"])
    for number, source in enumerate(streams):
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
    _serve(sys.argv[1])
