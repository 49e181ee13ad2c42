"""
Asks the server of tests/program.py to run a command: ``python client.py SOCKET [ARGUMENT …]``.

As a program it starts in a fiftieth of a second, because it imports next to nothing.
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
        arguments: those of the command.
        folder: the command's current folder.
        variables: its whole environment.
        streams: the descriptors that become its standard streams.

    Returns:
        Its exit code; -N for one that signal N has killed.
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
