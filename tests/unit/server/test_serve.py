"""The steps of the server's process before it serves."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from eventkeep.config import server_url
from eventkeep.limits import CONNECTIONS_MAX, OPEN_FILES_WANTED

PROGRAM = """
import resource
from eventkeep.server.serve import allow_open_files
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
allow_open_files()
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def test_a_low_limit_of_open_files_is_raised_as_far_as_the_system_allows() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < 2 * CONNECTIONS_MAX:
        pytest.skip("the system allows too few open files")
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert int(done.stdout) == (OPEN_FILES_WANTED if hard == resource.RLIM_INFINITY else min(OPEN_FILES_WANTED, hard))


def test_controls_are_loaded_for_a_stand_in_alone() -> None:
    code = (
        "import sys, eventkeep.server.serve; "
        "print([name for name in sys.modules if name.startswith(('eventkeep.standin', 'eventkeep.server.controls'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:8340"), ("::1", "http://[::1]:8340"), ("shop", "http://shop:8340")],
)
def test_an_ipv6_address_has_brackets_in_a_url(host: str, url: str) -> None:
    assert server_url(host, 8340) == url
