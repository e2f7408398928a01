"""Makes the client without asyncio from the one for asyncio.

``async`` and ``await`` are dropped, and names are replaced by their counterparts, also
in docstrings and comments; ruff then sorts the imports and formats the file. The real
differences between the two are in the two files ``waiting.py``, which are written by hand.

   python tools/async_to_sync.py           writes the files
   python tools/async_to_sync.py --check   exits with 1, and names them, if they are not up to date
"""

from __future__ import annotations

import argparse
import io
import re
import subprocess
import sys
import tokenize
from pathlib import Path
from typing import Final

CLIENT: Final = Path(__file__).resolve().parents[1] / "src" / "eventkeep" / "client"
SOURCE: Final = CLIENT / "asynchronous"
TARGET: Final = CLIENT / "synchronous"
BY_HAND: Final = frozenset({"__init__.py", "waiting.py", "connection.py"})
NOTICE: Final = "# Made by tools/async_to_sync.py from asynchronous/{name}: change that one.\n"

NAMES: Final = {
    "AsyncBaseTransport": "BaseTransport",
    "AsyncBatch": "Batch",
    "AsyncClient": "Client",
    "AsyncConnections": "Connections",
    "AsyncEvents": "Events",
    "AsyncProxied": "Proxied",
    "AsyncMetrics": "Metrics",
    "AsyncProfiles": "Profiles",
    "AsyncAccounts": "Accounts",
    "AsyncConsent": "Consent",
    "AsyncImportJobs": "ImportJobs",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "aclose": "close",
    "aread": "read",
    "asynchronous": "synchronous",
    "handle_async_request": "handle_request",
}
"""Names in code, docstrings and comments."""
PATTERNS: Final = (
    (re.compile(r"\b(?:async|await) "), ""),
    (re.compile(r"\bAsyncGenerator\[([\w\[\]]+), None\]"), r"Iterator[\1]"),
    (re.compile(r"\bAsyncGenerator\b"), "Iterator"),
    (re.compile(r"\bAwaitable\[None\]"), "object"),
    (re.compile(r"\bAwaitable, "), ""),
    (re.compile(r"\btasks?\b"), lambda found: found[0].replace("task", "thread")),
)
FIXES: Final = ["check", "--quiet", "--fix", "--unsafe-fixes", "--select", "I,UP028"]
"""Ruff corrects the order of the imports, and loops that only yield (which ``async`` needs)."""
_WORDS: Final = re.compile(r"\b(" + "|".join(NAMES) + r")\b")


def to_sync(source: str) -> str:
    """The counterpart of a module, not yet formatted."""
    text = _WORDS.sub(lambda found: NAMES[found[0]], source)
    for pattern, replacement in PATTERNS:
        text = pattern.sub(replacement, text)
    left = [
        f"{token.start[0]}: {token.string}"
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.NAME and (token.string in ("async", "await") or token.string.startswith("Async"))
    ]
    if left:
        raise SystemExit(f"no counterpart is known for {', '.join(left)}")
    return text


def formatted(text: str, path: Path) -> str:
    """The text as ``make lint`` wants it."""
    for arguments in (FIXES, ["format", "--quiet"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--stdin-filename", str(path), "-"]
        text = subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, check=True).stdout
    return text


def generated() -> dict[Path, str]:
    """Every file of the client without asyncio, as it should be."""
    return {
        TARGET / path.name: formatted(NOTICE.format(name=path.name) + to_sync(path.read_text()), TARGET / path.name)
        for path in sorted(SOURCE.glob("*.py"))
        if path.name not in BY_HAND
    }


def main() -> int:
    """Writes the files, or compares them."""
    parser = argparse.ArgumentParser(description="Makes the client without asyncio from the one for asyncio.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a file is stale")
    arguments = parser.parse_args()
    wanted = generated()
    kept = {path for path in TARGET.glob("*.py") if path.name not in BY_HAND}
    stale = sorted({path for path, text in wanted.items() if path not in kept or path.read_text() != text})
    stale += sorted(kept - wanted.keys())
    for path in stale:
        if arguments.check:
            print(f"{path.relative_to(CLIENT)} is stale: run python tools/async_to_sync.py", file=sys.stderr)
        elif path in wanted:
            path.write_text(wanted[path])
        else:
            path.unlink()
    return 1 if stale and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
