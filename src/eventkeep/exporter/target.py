"""The target of an export: a file that appears when it is complete, or standard output."""

from __future__ import annotations

import contextlib
import gzip
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from eventkeep.errors import ConfigurationError
from eventkeep.exporter.writers import GZIP_SUFFIX

STANDARD_OUTPUT: Final = "-"
_GZIP_LEVEL: Final = 4


@contextlib.contextmanager
def opened(target: str) -> Iterator[IO[bytes]]:
    """Open the path ``target``, or ``-`` for standard output, to write bytes; .gz is compressed.

    The bytes go to a file beside the path. If the block ends without an error, that file is
    synced to disk and takes the place of the path; otherwise it is removed. A path that is no plain file (a
    pipe, a device) is written to directly. Raises ConfigurationError if the path can't be written.
    """
    if target == STANDARD_OUTPUT:
        with _standard_output() as file:
            yield file
        return
    path = Path(target)
    is_plain = path.is_file() or not path.exists()
    written = path.with_name(f".{path.name}.{os.getpid()}.part") if is_plain else path
    try:
        raw = written.open("wb")
    except OSError as exc:
        raise ConfigurationError(f"{target} can't be written: {exc.strerror or exc}") from exc
    try:
        with raw, _compressed(raw, path) as file:
            yield file
            file.flush()
            if file is not raw:
                file.close()
            if is_plain:
                raw.flush()
                os.fsync(raw.fileno())
        if is_plain:
            written.replace(path)
    except BaseException:
        if is_plain:
            written.unlink(missing_ok=True)
        raise


def _compressed(raw: IO[bytes], path: Path) -> IO[bytes]:
    if path.suffix.lower() != GZIP_SUFFIX:
        return raw
    # Without the time of writing, so that equal exports are equal files.
    return gzip.GzipFile("", "wb", _GZIP_LEVEL, raw, mtime=0)  # type: ignore[return-value]


@contextlib.contextmanager
def _standard_output() -> Iterator[IO[bytes]]:
    # Through its number, so that closing it is ours and the interpreter's own object stays as it is.
    sys.stdout.flush()
    with open(sys.stdout.fileno(), "wb", closefd=False) as file:
        yield file
