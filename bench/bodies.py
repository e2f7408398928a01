"""Request bodies for the load: distinct events of about 520 bytes, with a marker for the parts that change."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

MARKER: Final = "@@"
EVENTS_PER_REQUEST: Final = 1_000
METRICS: Final = ("Viewed Product", "Added to Cart", "Started Checkout", "Placed Order", "Ordered Product")
PRODUCTS: Final = 5_000
FIRST_MOMENT: Final = datetime(2024, 5, 1, tzinfo=UTC)
REGULARS_PER_REQUEST: Final = 5
"""The number of recurring profiles in a request."""
REGULAR_EVENTS: Final = EVENTS_PER_REQUEST // REGULARS_PER_REQUEST
TEMPLATE_SECONDS: Final = 3_600
"""The time between the events of two successive templates."""
LIVE_ROUND_SECONDS: Final = 20_000
"""The time between the events of two successive rounds of a load of live events."""
LIVE_REGULARS: Final = 50
LIVE_REGULAR_EVENTS: Final = 8


def properties(choose: random.Random) -> dict[str, Any]:
    """The properties that a shop sends with an event."""
    product = choose.randrange(PRODUCTS)
    return {
        "ProductID": 100_000 + product,
        "ProductName": f"Winnie the Pooh, volume {product}",
        "SKU": f"WINNIE-{product:06d}",
        "Categories": ["Fiction", "Children"],
        "URL": f"https://shop.example.com/w/{product}?ref={choose.getrandbits(32):08x}",
        "Price": round(choose.random() * 100, 2),
    }


def event(choose: random.Random, unique_id: str, second: int) -> dict[str, Any]:
    """One event resource, this many seconds after FIRST_MOMENT."""
    return {
        "type": "event",
        "attributes": {
            "metric": {"data": {"type": "metric", "attributes": {"name": METRICS[choose.randrange(len(METRICS))]}}},
            "properties": properties(choose),
            "time": (FIRST_MOMENT + timedelta(seconds=second % (28 * 86_400))).isoformat(),
            "value": round(choose.random() * 100, 2),
            "unique_id": unique_id,
        },
    }


def profile(name: str) -> dict[str, Any]:
    return {"type": "profile", "attributes": {"email": f"{name}@shop.example.com"}}


def bulk_item(who: dict[str, Any], events: list[dict[str, Any]]) -> dict[str, Any]:
    """A profile and its events, as a bulk request has them."""
    attributes = {"profile": {"data": who}, "events": {"data": events}}
    return {"type": "event-bulk-create", "attributes": attributes}


def bulk_job(items: list[dict[str, Any]]) -> str:
    job = {"type": "event-bulk-create-job", "attributes": {"events-bulk-create": {"data": items}}}
    return json.dumps({"data": job}, separators=(",", ":"))


class EventTimes(StrEnum):
    """The times of the events of a load."""

    LIVE = "live"
    """Later from round to round, as when a shop sends its events."""
    HOURS = "hours"
    """The same 20 hours in each round."""
    RANDOM = "random"
    """Anywhere in four weeks."""

    def second(self, choose: random.Random, round_number: int, seed: int, place: int) -> int:
        """The time of an event of a template, in seconds since FIRST_MOMENT."""
        match self:
            case EventTimes.LIVE:
                return round_number * LIVE_ROUND_SECONDS + (seed * EVENTS_PER_REQUEST + place) % LIVE_ROUND_SECONDS
            case EventTimes.HOURS:
                return seed * TEMPLATE_SECONDS + place
            case EventTimes.RANDOM:
                return choose.randrange(28 * 86_400)


def regulars_body(seed: int, templates: int) -> str:
    """A bulk request of the events of some recurring profiles.

    The events of each lie anywhere among those of this many templates.
    """
    choose = random.Random(seed)

    def second() -> int:
        return choose.randrange(templates) * TEMPLATE_SECONDS + choose.randrange(EVENTS_PER_REQUEST)

    names = [f"regular-{seed}-{number}" for number in range(REGULARS_PER_REQUEST)]
    return regular_job(choose, names, REGULAR_EVENTS, "", second)


def regular_job(choose: random.Random, names: Sequence[str], events: int, mark: str, second: Callable[[], int]) -> str:
    """A bulk request of so many events of each profile. ``mark`` tells their unique ids from other requests'."""
    return bulk_job(
        [
            bulk_item(profile(name), [event(choose, f"{name}-{mark}{place}", second()) for place in range(events)])
            for name in names
        ]
    )


def live_regulars_body(round_number: int) -> str:
    """A bulk request of some events of each of 50 recurring profiles, at the times of a round of live events."""
    choose = random.Random(round_number)
    names = [f"regular-{number}" for number in range(LIVE_REGULARS)]
    first = round_number * LIVE_ROUND_SECONDS
    return regular_job(
        choose, names, LIVE_REGULAR_EVENTS, f"{round_number}-", lambda: first + choose.randrange(LIVE_ROUND_SECONDS)
    )


class Churn(StrEnum):
    """The changes that a load makes in the directory, beyond naming profiles."""

    NEW_PROFILES = "new-profiles"
    """Every event belongs to a new profile."""
    CHANGED_PROFILES = "changed-profiles"
    """Every event changes its profile."""


def bulk_body(
    seed: int,
    profiles: int,
    churn: Churn | None = None,
    times: EventTimes = EventTimes.HOURS,
    round_number: int = 0,
) -> str:
    """A bulk request of EVENTS_PER_REQUEST events, each of one of ``profiles`` profiles."""
    choose = random.Random(seed)
    items = []
    for place in range(EVENTS_PER_REQUEST):
        marked = f"{MARKER}-{place}"
        customer = f"customer-{(seed * EVENTS_PER_REQUEST + place) % profiles}"
        who = profile(marked if churn is Churn.NEW_PROFILES else customer)
        if churn is Churn.CHANGED_PROFILES:
            who["attributes"]["properties"] = {"last_seen_in": MARKER}
        items.append(bulk_item(who, [event(choose, marked, times.second(choose, round_number, seed, place))]))
    return bulk_job(items)


def single_body(seed: int, profiles: int) -> str:
    """A single create of about 520 bytes."""
    choose = random.Random(seed)
    resource = event(choose, f"{MARKER}-{seed}", seed)
    resource["attributes"]["profile"] = {"data": profile(f"customer-{seed % profiles}")}
    return json.dumps({"data": resource}, separators=(",", ":"))


def write_bodies(folder: Path, bodies: list[str]) -> None:
    """The templates as files for the load generator: 1.json, 2.json, …"""
    folder.mkdir(parents=True, exist_ok=True)
    for number, body in enumerate(bodies, start=1):
        (folder / f"{number}.json").write_text(body)
