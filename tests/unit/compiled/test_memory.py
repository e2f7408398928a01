"""The compiled reader stays within its memory, whatever it is given: it reads mutated bodies under sanitizers."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from eventkeep.compiled.library import LIBRARY
from tests.create_rules import bulk, event, item, metric, profile, single

PROGRAM: Final = Path(__file__).with_name("mutations.c")
SANITIZERS: Final = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-O1", "-g", "-std=gnu11")
ROUNDS: Final = 100_000
BODIES: Final = (
    bulk(
        item(event(), event(value=2.5, value_currency="EUR", unique_id="order-1", backfill=True)),
        item(
            event(metric=metric("Viewed Product"), time="2024-06-15 12:00:00.5+02:00"),
            profile=profile({"email": "b@a.de"}),
        ),
    ),
    bulk(item(event(properties={"a": [1, {"b": "é\n"}], "c": {}, "d": -1.5e-7}, value=None, time=None))),
    bulk(item(*[event(unique_id="x" * length, value=0.1 + 0.2) for length in (3, 8, 16, 40, 100, 130, 240)])),
    single(value=12, value_currency="EUR", unique_id="order-1"),
)


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_mutated_bodies_are_read_within_bounds(tmp_path: Path) -> None:
    program = tmp_path / "mutations"
    command = ["cc", *SANITIZERS, "-I", str(LIBRARY.parent), "-o", str(program), str(PROGRAM)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode and "sanitize" in built.stderr + built.stdout:
        pytest.skip("the compiler has no sanitizers")
    assert built.returncode == 0, built.stderr
    files = []
    for number, body in enumerate(BODIES):
        files.append(tmp_path / f"{number}.json")
        files[-1].write_text(json.dumps(body, ensure_ascii=number % 2 == 0, separators=(",", ":")), encoding="utf-8")
    run = subprocess.run([program, "1", str(ROUNDS), *files], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    plain = int(run.stdout.split()[0])
    # Else the reader gave up at the first byte of each.
    assert 0 < plain < ROUNDS
