"""
Asks the server of tests/program.py to run a command: ``python client.py SOCKET [ARGUMENT …]``.

Run as a script, it starts quickly, because it imports almost nothing.
"""

import json
import os
import socket
import sys

TIMEOUT_S = 120


def ask(
    address: str, arguments: list[str], folder: str, variables: dict[str, str], streams: list[int]
) -> int:
    """
    Run a command in a copy of the server's process.

    Args:
        address: the server's socket.
        arguments: the command's arguments.
        folder: the command's current folder.
        variables: the command's complete environment.
        streams: the file descriptors to use as its stdin, stdout and stderr.

    Returns:
        The command's exit code, or -N if signal N killed it.
    """
    request = {"arguments": arguments, "cwd": folder, "variables": variables}
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(TIMEOUT_S)
        connection.connect(address)
        socket.send_fds(connection, [b"{"], streams)
        connection.sendall(json.dumps(request)[1:].encode() + b"\n")
        return int(connection.makefile().readline())


if __name__ == "__main__":
    code = ask(sys.argv[1], sys.argv[2:], os.getcwd(), dict(os.environ), [0, 1, 2])  # noqa: PTH109
    sys.exit(code if code >= 0 else 128 - code)
