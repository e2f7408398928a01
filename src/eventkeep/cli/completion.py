"""The names of metrics, for the shell to complete ``--metric``."""

from __future__ import annotations

import os
import re
import shlex
from typing import Annotated, Final

import typer

from eventkeep.cli.choices import METRIC_HELP
from eventkeep.client.settings import URL_DEFAULT
from eventkeep.client.synchronous.client import Client
from eventkeep.errors import EventkeepError
from eventkeep.limits import COMPLETION_SECONDS_MAX

_PLAIN: Final = re.compile(r"[\w@%+=:,./-]", re.ASCII)


def metric_names(context: typer.Context, incomplete: str) -> list[str]:
    """Return the names that begin so. There are none if the server does not respond: a shell can't show an error."""
    url, api_key = context.params.get("url") or URL_DEFAULT, context.params.get("api_key")
    try:
        with Client(
            api_key, url, timeout=COMPLETION_SECONDS_MAX, max_retries=0, retry_seconds_max=COMPLETION_SECONDS_MAX
        ) as client:
            names = {metric.name for metric in client.metrics.iterate()}
    except EventkeepError:
        return []
    return [shown(name) for name in sorted(names) if name.startswith(incomplete) and name.isprintable()]


def shown(name: str) -> str:
    """Return the name as bash has to type it; other shells do that themselves, and so does bash inside of quotes."""
    if os.environ.get("_EVENTKEEP_COMPLETE") != "complete_bash" or _has_open_quote(os.environ.get("COMP_WORDS", "")):
        return name
    return "".join(each if _PLAIN.match(each) else f"\\{each}" for each in name)


def _has_open_quote(words: str) -> bool:
    try:
        shlex.split(words)
    except ValueError:
        return True
    return False


MetricOption = Annotated[
    str | None,
    typer.Option(help=f"Only events of this metric: its {METRIC_HELP}.", autocompletion=metric_names),
]
