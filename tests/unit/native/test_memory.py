"""The compiled library stays within its memory: under sanitizers it parses mutated bodies, writes random pages and rows
of exports, reads damaged pieces of the event store's files, finds the rows of its pages and the blocks of their
documents, fills its filter, and looks keys up.

EVENTKEEP_TEST_ROUNDS in the environment has each program do more rounds, by another seed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from eventkeep.native.library import LIBRARY
from tests.create_rules import bulk, event, item, metric, profile, single

PROGRAMS: Final = Path(__file__).parent
SANITIZERS: Final = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-O1", "-g", "-std=gnu11")
ROUNDS: Final = int(os.environ.get("EVENTKEEP_TEST_ROUNDS", "100_000"))
NO_SANITIZERS: Final = re.compile("(unrecognized|unsupported|unknown).*sanitize|cannot find .*(asan|ubsan)")
STORE_ROUNDS: Final = ROUNDS // 4
"""Of the programs about the event store, whose rounds find more and take longer."""
SEED: Final = ROUNDS if "EVENTKEEP_TEST_ROUNDS" in os.environ else 1
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
    single(value=12, value_currency="EUR", unique_id="örder-1", properties={"é": {"ö": 1, "o": 2}}),
)


needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")


def built(name: str, folder: Path) -> Path:
    """The program of that name, with sanitizers; skips the test if the compiler has none."""
    program = folder / name
    command = ["cc", *SANITIZERS, "-I", str(LIBRARY.parent), "-o", str(program), str(PROGRAMS / f"{name}.c")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode and NO_SANITIZERS.search(run.stderr):
        pytest.skip("the compiler has no sanitizers")
    assert run.returncode == 0, run.stderr
    return program


def first_number_printed(program: Path, *files: Path, rounds: int = ROUNDS) -> int:
    """The number that the program counts in its rounds; it has to end normally."""
    run = subprocess.run([program, str(SEED), str(rounds), *files], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return int(run.stdout.split()[0])


@needs_compiler
def test_mutated_bodies_are_read_within_bounds(tmp_path: Path) -> None:
    program = built("mutations", tmp_path)
    files = []
    for number, body in enumerate(BODIES):
        files.append(tmp_path / f"{number}.json")
        files[-1].write_text(json.dumps(body, ensure_ascii=number % 2 == 0, separators=(",", ":")), encoding="utf-8")
    plain = first_number_printed(program, *files)
    # Otherwise the reader refused each at its first byte.
    assert 0 < plain < ROUNDS


@needs_compiler
def test_random_pages_are_written_within_bounds(tmp_path: Path) -> None:
    written = first_number_printed(built("pages", tmp_path))
    # Most have room, and some do not.
    assert ROUNDS // 4 < written < ROUNDS


@needs_compiler
def test_rows_of_exports_are_written_and_sorted_within_bounds(tmp_path: Path) -> None:
    good = first_number_printed(built("export_rows", tmp_path))
    # Some rows have no room, some objects take Python, and some rows are in order.
    assert ROUNDS // 3 < good < ROUNDS * 2 // 3


@needs_compiler
def test_damaged_pieces_are_read_within_bounds(tmp_path: Path) -> None:
    good = first_number_printed(built("pieces", tmp_path), rounds=STORE_ROUNDS)
    # What is damaged is mostly found to be.
    assert STORE_ROUNDS // 2 < good < STORE_ROUNDS * 9 // 10


@needs_compiler
def test_pages_of_damaged_parts_are_found_within_bounds(tmp_path: Path) -> None:
    good = first_number_printed(built("selecting", tmp_path), rounds=STORE_ROUNDS)
    # Some rounds meet the damage, or run out of memory.
    assert STORE_ROUNDS * 3 // 4 < good < STORE_ROUNDS * 19 // 20


@needs_compiler
def test_blocks_of_documents_are_found_within_bounds(tmp_path: Path) -> None:
    good = first_number_printed(built("block_tables", tmp_path))
    # In some rounds a slot is past its table.
    assert ROUNDS * 3 // 4 < good < ROUNDS


@needs_compiler
def test_every_key_that_was_added_is_found(tmp_path: Path) -> None:
    told = first_number_printed(built("filters", tmp_path), rounds=STORE_ROUNDS)
    assert STORE_ROUNDS * 9 // 10 < told < STORE_ROUNDS


@needs_compiler
def test_keys_are_found_and_words_sorted_within_bounds(tmp_path: Path) -> None:
    mixed = first_number_printed(built("key_tables", tmp_path), rounds=STORE_ROUNDS)
    assert STORE_ROUNDS // 2 < mixed < STORE_ROUNDS
