"""Builds the compiled reader into the package if there is a C compiler; without one the package works too."""

from __future__ import annotations

import os
import shlex
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = "src/eventkeep/native"
SOURCES = ("reader.c", "writer.c", "segments.c", "bloom.c", "rows.c", "keys.c", "select.c", "documents.c")
FLAGS = ("-O3", "-std=c11", "-shared", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra")


class CompiledReader(BuildHookInterface):  # type: ignore[type-arg]
    """The build hook of ``tool.hatch.build.targets.wheel.hooks.custom``; editable installs run it too."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and make the wheel one of this platform; on failure print a warning and leave it a pure one."""
        folder = Path(self.root) / FOLDER
        library = folder / "_reader.so"
        library.unlink(missing_ok=True)
        compiler = shlex.split(os.environ.get("CC", "cc"))
        try:
            sources = [str(folder / name) for name in SOURCES]
            subprocess.run([*compiler, *FLAGS, "-o", str(library), *sources], check=True)
        except (OSError, subprocess.CalledProcessError) as exc:
            self.app.display_warning(
                f"eventkeep is installed without its compiled reader, which makes it slower: {exc}"
            )
            return
        build_data["force_include"][str(library)] = "eventkeep/native/_reader.so"
        build_data["pure_python"] = False
        # It calls nothing of Python: one build serves every version.
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
