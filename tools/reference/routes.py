"""The page of the routes beside the API."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Final

from eventkeep.errors import InvalidRequest
from eventkeep.limits import FEED_WAIT_SECONDS_MAX, PAGE_EVENTS_DEFAULT, PAGE_EVENTS_MAX
from eventkeep.protocol.admin.controls import CONTROL_OPERATIONS
from eventkeep.protocol.admin.operations import ADMIN_OPERATIONS, EVENTS_SCOPE, AdminOperation
from eventkeep.protocol.admin.queries import (
    parse_metrics_query,
    parse_no_parameters,
    parse_profiles_query,
    parse_tail_query,
)
from eventkeep.protocol.admin.scan_query import parse_scan_query
from eventkeep.protocol.revisions import REVISIONS
from eventkeep.server.scans import SCAN_SECONDS_MAX, SCANS_MAX, SCANS_PER_ACCOUNT_MAX
from tools.reference.markdown import code, listed, page, table

INTRODUCTION: Final = """
The routes of the server beside [the Events API](api/index.md).
"""
PROBES: Final = (
    ("GET /", "a page for people that says what this is"),
    ("GET /healthz", "`200` while the process responds"),
    ("GET /readyz", "`200` while it accepts events; `503` while its queue is full or it is stopping"),
    ("GET /openapi/<revision>.json", "the OpenAPI 3.0 document of a revision, with this server's address in it"),
)
METRICS: Final = "`GET /metrics` has [a port of its own](settings.md#metrics_port): see [Metrics](metrics.md)."
OWN: Final = f"""
The Events API has no operation that lists metrics or profiles, counts events or waits for new ones.
[The command line](../commands.md) needs them, and so may you. They take the same keys and scopes, respond in the
attributes of the request's revision, and tell errors in the same documents. Rate limits do not count them.

They are eventkeep's own: the hosted service does not have them.
A page has {PAGE_EVENTS_DEFAULT} resources; `page[size]` takes 1 to {PAGE_EVENTS_MAX:,}, and `links.next` leads on.
"""
READERS: Final[Mapping[str, Callable[[bytes], object]]] = {
    "list_metrics": parse_metrics_query,
    "get_metric": parse_no_parameters,
    "list_profiles": parse_profiles_query,
    "get_profile": parse_no_parameters,
    "get_stats": parse_no_parameters,
    "tail": parse_tail_query,
    "scan": lambda query_string: parse_scan_query(query_string, REVISIONS[-1], math.inf),
}
MEANINGS: Final[Mapping[str, str]] = {
    "list_metrics": f"The metrics of the account. With `{EVENTS_SCOPE}` each has its number of events, its oldest and "
    "its newest event in `meta`. `name` selects the metrics of that name.",
    "get_metric": "One metric, with the same `meta`.",
    "list_profiles": "The profiles of the account, the oldest first; `sort=-created` reverses the order. One of "
    "`email`, `phone_number` and `external_id` selects the profile that has it.",
    "get_profile": "One profile.",
    "get_stats": "The numbers of events, profiles and metrics of the account, its oldest and newest event, the events "
    "of its largest metrics, and the approximate size of its events on disk in bytes.",
    "tail": "Events in the order in which they are stored. Without `after` it returns the current position, in "
    "`meta.position`. With `after` set to the position of an earlier response it returns the events stored since then; "
    f"if there are none yet it waits up to `wait_seconds` (at most {FEED_WAIT_SECONDS_MAX}). `include` takes `metric` "
    "and `profile`. `meta.skipped` says that events may be missing in between: the server was restarted, or stored "
    "more than it holds for readers.",
    "scan": "All events that `filter` selects, as [the rows of an export](../importing.md#out-of-eventkeep), in one "
    "response that is written as the client takes it. `filter` and `sort` are those of `get_events`; `ids=true` adds "
    "the columns that are the server's own. The events of one second are in an order that every server has. The "
    "response is JSON Lines in frames: a line such as "
    '`{"rows":4090,"bytes":3771052,"after":"0fE4gDwzo5i1fFnAA"}`, then as many rows, with as many bytes in all. The '
    'last line is `{"end":true}`, or `{"end":false}` if the server ends the response before the last event, as it does '
    f"after {SCAN_SECONDS_MAX:.0f} seconds and when it stops; a response without such a line was cut off. `after`, "
    "with the value that the last frame had, gives the rest. A line `{}` says that the server is still reading. An "
    f"account has at most {SCANS_PER_ACCOUNT_MAX} scans at a time, and a server {SCANS_MAX}; more get 503.",
}
CONTROLS: Final = """
A server has these routes only with `--controls`; see [A stand-in for tests](../stand-in.md). They act on the account of
the key, which needs the scope `full`, and take and return JSON.
"""
CONTROLLED: Final[Mapping[str, str]] = {
    "read_clock": "the account's clock: `now` in Unix seconds, `rate`, `frozen`, `controlled`",
    "change_clock": "change it by `set`, `advance`, `freeze`, `rate` or `reset`, and return it",
    "list_faults": "the fault rules that hold, with their counts, and the names of the profiles",
    "add_faults": "add `rules`, or those of a `profile`; returns their `numbers`",
    "clear_faults": "remove all fault rules",
    "list_requests": "the journal of requests, the oldest first; `operation`, `status` and `after` select",
    "clear_requests": "forget the requests",
    "expect_event": "whether there is an event with these values, or which one is closest and how it differs",
    "load_seed": "load one account of a seed, which resets load again; returns the number of `events`",
    "reset_account": "empty the account and load its seed again; clock, faults and journal begin anew",
    "dump_account": "the account as one of a seed, without its keys",
    "list_webhooks": "the webhooks, with how many events were delivered and how many failed",
    "add_webhook": "deliver events from now on to `url`, signed with `secret`, if their topic is among `topics`",
    "clear_webhooks": "deliver no more",
}
_NAMES: Final = re.compile(r"Allowed parameters are (.*)$")


def routes_page() -> str:
    """The probes, and our own operations with their scopes and parameters."""
    if not ADMIN_OPERATIONS.keys() == READERS.keys() == MEANINGS.keys():
        raise ValueError(f"the page of the routes must describe {', '.join(ADMIN_OPERATIONS)}, and nothing else")
    parts = [
        INTRODUCTION,
        "## Without a key",
        table(("route", "response"), [(code(route), response) for route, response in PROBES]),
        METRICS,
        "## With a key",
        OWN,
    ]
    for name, operation in ADMIN_OPERATIONS.items():
        parts += [f"### {name}", MEANINGS[name], table(("", ""), _rows(operation))]
    parts += ["## Controls", CONTROLS]
    parts.append(
        table(
            ("route", "what it does"),
            [(code(f"{each.method} {each.path}"), CONTROLLED[name]) for name, each in CONTROL_OPERATIONS.items()],
        )
    )
    return page("Other routes", *parts)


def _rows(operation: AdminOperation) -> list[tuple[str, str]]:
    names = parameters(READERS[operation.name])
    return [
        ("path", code(f"{operation.method} {operation.path}")),
        ("scopes", listed(operation.scopes)),
        ("parameters", listed(names) if names else "none"),
    ]


def parameters(read: Callable[[bytes], object]) -> list[str]:
    """The names of the parameters that a query may have, from the refusal of an unknown one."""
    try:
        read(b"another=one")
    except InvalidRequest as refusal:
        found = _NAMES.search(refusal.faults[0].detail)
        return found[1].split(", ") if found else []
    raise ValueError(f"{read} takes any parameter")
