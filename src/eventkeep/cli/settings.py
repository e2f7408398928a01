"""Settings as commands ask for them: flags, the environment and eventkeep.toml in one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from eventkeep.config import ServeSettings, load_serve_settings
from eventkeep.protocol.operations import OPERATIONS

ConfigOption = Annotated[
    str | None,
    typer.Option(
        help="A file of settings. Every option can stand there, or in the environment as EVENTKEEP_OPTION.",
        show_default="eventkeep.toml, if it is there",
    ),
]
DataOption = Annotated[Path | None, typer.Option(help="The data folder.", show_default="eventkeep-data")]
AccountOption = Annotated[str, typer.Option(help="The account by name.")]


def serve_settings(flags: Mapping[str, object]) -> ServeSettings:
    """The settings that ``eventkeep serve`` would have with these flags. Raises ConfigurationError."""
    # The program is made of the commands, which import this.
    from eventkeep.cli.app import program
    from eventkeep.cli.option_sources import names_in_file

    return load_serve_settings(flags, os.environ, OPERATIONS, others=names_in_file(program()))


def data_folder(data: Path | None, config: str | None) -> Path:
    """The data folder that a server with the same settings uses. Raises ConfigurationError."""
    return serve_settings({"data": data, "config": config}).data
