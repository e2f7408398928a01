"""The client without asyncio is the output of the tool for the asyncio one."""

from __future__ import annotations

import pytest

from tools import async_to_sync


def test_generated_files_are_up_to_date() -> None:
    stale = [path.name for path, text in async_to_sync.generated().items() if path.read_text(encoding="utf-8") != text]
    assert stale == [], "run python tools/async_to_sync.py"


def test_nothing_is_left_over() -> None:
    kept = {path for path in async_to_sync.TARGET.glob("*.py") if path.name not in async_to_sync.BY_HAND}
    assert kept == async_to_sync.generated().keys()


@pytest.mark.parametrize(
    ("source", "result"),
    [
        (
            "async with AsyncClient() as client:\n    await client.aclose()\n",
            "with Client() as client:\n    client.close()\n",
        ),
        ("async for each in things:\n    pass\n", "for each in things:\n    pass\n"),
        ("def each() -> AsyncGenerator[Event, None]: ...\n", "def each() -> Iterator[Event]: ...\n"),
        ('"""Runs in a task; use ``async with``."""\n', '"""Runs in a thread; use ``with``."""\n'),
        ("awaited = asynchronously = 1\n", "awaited = asynchronously = 1\n"),
    ],
)
def test_source_has_this_counterpart(source: str, result: str) -> None:
    assert async_to_sync.to_sync(source) == result


def test_name_without_a_counterpart_is_refused() -> None:
    with pytest.raises(SystemExit, match="no counterpart is known for 1: AsyncExitStack"):
        async_to_sync.to_sync("stack = AsyncExitStack()\n")
