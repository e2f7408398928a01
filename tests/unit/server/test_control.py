"""The control socket: a command that takes its time does not keep the others waiting."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec
import pytest

from eventkeep.server.control import (
    CHECK,
    FIT_PREDICTIONS,
    FLUSH,
    SNAPSHOT,
    ControlRequest,
    ControlResponse,
    ControlSocket,
    ask_server,
)
from eventkeep.server.control_client import address, read_line

SECONDS_MAX: Final = 20.0


@pytest.mark.parametrize("slow", [FIT_PREDICTIONS, CHECK, SNAPSHOT])
def test_keys_are_made_while_another_command_takes_its_time(tmp_path: Path, slow: str) -> None:
    began, may_end = threading.Event(), threading.Event()

    def respond(content: bytes) -> ControlResponse:
        request = msgspec.json.decode(content, type=ControlRequest)
        if request.do == slow:
            began.set()
            assert may_end.wait(SECONDS_MAX)
        return ControlResponse(account=request.do)

    opened = ControlSocket(tmp_path, respond)
    with ThreadPoolExecutor() as commands:
        waiting = commands.submit(ask_server, tmp_path, ControlRequest(slow), SECONDS_MAX)
        try:
            assert began.wait(SECONDS_MAX)
            made = ask_server(tmp_path, ControlRequest("create_key"), SECONDS_MAX)
            assert made is not None and made.account == "create_key"
            assert not waiting.done()
        finally:
            may_end.set()
            opened.close()
        ended = waiting.result()
    assert ended is not None and ended.account == slow


def test_commands_on_the_folder_are_carried_out_one_after_the_other(tmp_path: Path) -> None:
    at_work, most = [0], [0]

    def respond(_: bytes) -> ControlResponse:
        at_work[0] += 1
        most[0] = max(most[0], at_work[0])
        # Others get the chance to begin.
        threading.Event().wait(0.01)
        at_work[0] -= 1
        return ControlResponse()

    opened = ControlSocket(tmp_path, respond)
    try:
        with ThreadPoolExecutor(6) as commands:
            list(commands.map(lambda do: ask_server(tmp_path, ControlRequest(do)), [CHECK, SNAPSHOT, FLUSH] * 2))
    finally:
        opened.close()
    assert most == [1]


def test_a_request_that_can_not_be_read_gets_a_response(tmp_path: Path) -> None:
    opened = ControlSocket(tmp_path, lambda content: ControlResponse(error=content.decode()))
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection, address(tmp_path) as name:
            connection.connect(name)
            connection.sendall(b"no JSON\n")
            assert msgspec.json.decode(read_line(connection)) == {"error": "no JSON\n"}
    finally:
        opened.close()
