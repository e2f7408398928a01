"""The program ``eventkeep``, started by forking a process that has loaded it already.

Loading the program takes most of a second, and the pages run it about fifty times.
The child runs the program itself, with the arguments, the environment, the folder and the
streams of the caller; only ``serve``, which gets signals, is started in the usual way.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

ZYGOTE: Final = """
import json, os, signal, socket, sys
from eventkeep.cli import app, main
from eventkeep.client.synchronous import client
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
listening = socket.socket(socket.AF_UNIX)
listening.bind(sys.argv[1])
listening.listen()
print("ready", flush=True)
while True:
    caller, _ = listening.accept()
    message, streams, *_ = socket.recv_fds(caller, 1 << 20, 3)
    if os.fork():
        caller.close()
        for stream in streams:
            os.close(stream)
        continue
    listening.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    arguments, environment, folder = json.loads(message)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = arguments
    code = 0
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1 if end.code else 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    try:
        sys.stdout.flush()
    except OSError:
        pass
    caller.sendall(bytes([code]))
    os._exit(code)
"""
CALLER: Final = """#!{interpreter} -IS
import json, os, socket, sys
if sys.argv[1:2] == ["serve"]:
    os.execv({program!r}, [{program!r}, *sys.argv[1:]])
calling = socket.socket(socket.AF_UNIX)
calling.connect({path!r})
message = json.dumps([sys.argv, dict(os.environ), os.getcwd()]).encode()
socket.send_fds(calling, [message], [0, 1, 2])
sys.exit(int.from_bytes(calling.recv(1) or b"\\1", "big"))
"""


class PreforkedProgram:
    """A folder with an ``eventkeep`` in it, which must come first in PATH."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        path = str(folder / "socket")
        program = str(Path(sys.executable).parent / "eventkeep")
        caller = folder / "eventkeep"
        caller.write_text(CALLER.format(interpreter=sys.executable, program=program, path=path), encoding="utf-8")
        caller.chmod(0o755)
        self._process = subprocess.Popen(
            [sys.executable, "-c", ZYGOTE, path], env=dict(environment), stdout=subprocess.PIPE, start_new_session=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
