"""A process without pandas, which the engine and Arrow would load to see whether a table is one of its."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import Final

NAME: Final = "pandas"


class WithoutPandas(MetaPathFinder):
    """Put first into ``sys.meta_path``, it makes pandas look as if it were not installed.

    Both ask for it at the first table that they get, and do without where there is none. It
    would take a fifth of the start, and 35 MB. What has loaded it before keeps it.
    """

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """No spec for any other module. Raises ModuleNotFoundError for pandas."""
        if fullname == NAME:
            raise ModuleNotFoundError(f"{NAME} is left out of this process", name=NAME)
