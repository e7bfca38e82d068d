"""What is said to a fork server, and a command that has its work done in a fork: `stand_in`.

It imports little: programs in front of a fork server start in a hundredth of a second.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

_LENGTH_BYTES = 8


def send_request(
    address: str,
    module: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    descriptors: Sequence[int],
) -> tuple[socket.socket, int]:
    """Have `python -m MODULE ARGUMENTS` run in this folder, in a session of its own: its pid, and the connection that
    is told its end.

    `descriptors` are its stdin, stdout and stderr. Closing the connection kills it.
    """
    body = {
        "module": module,
        "arguments": list(arguments),
        "environment": dict(environment),
        "folder": os.getcwd(),  # noqa: PTH109 - pathlib takes as long to import as all the rest
    }
    data = json.dumps(body).encode()
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(address)
    socket.send_fds(connection, [len(data).to_bytes(_LENGTH_BYTES, "big")], list(descriptors))
    connection.sendall(data)
    return connection, receive_number(connection)


def receive_request(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """What a program is to do, and its stdin, stdout and stderr. Raises ConnectionError where nothing is asked."""
    length, descriptors, _, _ = socket.recv_fds(connection, _LENGTH_BYTES, 3)
    if len(length) < _LENGTH_BYTES:
        raise ConnectionError
    body: dict[str, Any] = json.loads(_receive(connection, int.from_bytes(length, "big")))
    return body, descriptors


def send_number(connection: socket.socket, number: int) -> None:
    connection.sendall(number.to_bytes(_LENGTH_BYTES, "big", signed=True))


def receive_number(connection: socket.socket) -> int:
    """The pid, then the exit code: negative for a signal's."""
    return int.from_bytes(_receive(connection, _LENGTH_BYTES), "big", signed=True)


def stand_in(address: str, module: str) -> NoReturn:
    """Be `python -m MODULE` with this process's arguments and streams: signals are passed on, it ends as that ends."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    connection, pid = send_request(address, module, sys.argv[1:], os.environ, (0, 1, 2))
    for number in signals:
        signal.signal(number, lambda received, _: os.kill(pid, received))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
    for descriptor in (0, 1, 2):
        os.close(descriptor)
    code = receive_number(connection)
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def _receive(connection: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        if not (piece := connection.recv(count - len(received))):
            raise ConnectionError("the fork server is gone")
        received += piece
    return received
