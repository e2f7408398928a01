"""Any sequence of creates over a few identifiers ends, over HTTP, in the state that a plain model predicts."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from eventkeep.directory.schema import number_of
from tests.contract.api import iso
from tests.contract.scrapes import Scraped
from tests.contract.shop import Fate, Shop, fate_of
from tests.create_rules import ABSENT, ULID, bulk, event, item, metric, profile, single

START: Final = 1_718_452_800
KINDS: Final = ("external_id", "email", "phone_number", "anonymous_id", "_kx")
WRONG_PHONE: Final = "12"
WIRE_KINDS: Final = {"kx": "_kx"}

Key = tuple[tuple[str, str], str]
"""The key of an event of a profile: its metric, with the service, and its unique id."""


class Create(msgspec.Struct, frozen=True):
    """One event: a metric and its service, a unique id or none, a second, a value or none."""

    metric: tuple[str, str]
    unique_id: str | None
    second: int
    value: int | None

    @property
    def key(self) -> Key:
        return self.metric, self.unique_id or str(START + self.second)

    def attributes(self) -> dict[str, Any]:
        name, service = self.metric
        return {
            "metric": metric(name, service=service),
            "properties": {},
            "time": iso(START + self.second),
            "unique_id": self.unique_id,
            "value": self.value,
        }


class Item(msgspec.Struct, frozen=True):
    """A profile and its events. ``id`` is the index of a profile among those created, or of none."""

    identifiers: dict[str, str]
    id: int | None
    title: Any
    properties: dict[str, Any]
    patch: dict[str, Any]
    events: list[Create]


class Person:
    """A profile in the model; ``events`` by metric and unique id."""

    def __init__(self) -> None:
        self.shown: dict[str, str | None] = dict.fromkeys(KINDS[:-1])
        self.title: str | None = None
        self.properties: dict[str, Any] = {}
        self.events: dict[Key, Create] = {}

    def show(self, kind: str, value: str) -> None:
        """The identifier that was added last; of the anonymous ones, the first."""
        if kind in self.shown and (kind != "anonymous_id" or self.shown[kind] is None):
            self.shown[kind] = value

    def merge(self, each: Item) -> None:
        if each.title is not ABSENT:
            self.title = each.title
        self.properties |= each.properties
        for key, value in each.patch.get("append", {}).items():
            old = self.properties.get(key)
            array = [] if old is None else old if isinstance(old, list) else [old]
            self.properties[key] = array if value in array else [*array, value]
        for key, value in each.patch.get("unappend", {}).items():
            if isinstance(old := self.properties.get(key), list):
                self.properties[key] = [element for element in old if element != value]
        if "unset" in each.patch:
            self.properties.pop(each.patch["unset"], None)


class Model:
    """The effects of creates, in a few lines."""

    def __init__(self) -> None:
        self.people: list[Person] = []
        self.owners: dict[tuple[str, str], int] = {}

    def create(self, items: Sequence[Item]) -> Fate | None:
        """The outcome of a request's events; None if it is refused, and the model must be discarded."""
        partial: set[str] = set()
        # Ids are those of profiles that earlier requests created; a profile of this request has none yet.
        known = len(self.people)
        numbers = [self.write(each, known, partial) for each in items]
        if None in numbers:
            return None
        stored = repeated = 0
        for number, each in zip(numbers, items, strict=True):
            events = self.people[number or 0].events
            for created in each.events:
                stored, repeated = (stored, repeated + 1) if created.key in events else (stored + 1, repeated)
                events.setdefault(created.key, created)
        return Fate(stored, repeated, ", ".join(sorted(partial)) or None)

    def write(self, each: Item, known: int, partial: set[str]) -> int | None:
        """The number of the resolved profile, after merging; None if the request is refused for it."""
        given = {kind: each.identifiers[kind].lower() for kind in KINDS if kind in each.identifiers}
        if given.get("phone_number") == WRONG_PHONE:
            del given["phone_number"]
            partial.add("phone_number")
        found = [self.owners[owned] for owned in given.items() if owned in self.owners]
        if each.id is not None:
            if each.id < known:
                found.insert(0, each.id)
            else:
                partial.add("id")
        if not found:
            if not given:
                return None
            found.append(len(self.people))
            self.people.append(Person())
        number = found[0]
        for kind, value in given.items():
            if (kind, value) not in self.owners:
                self.owners[kind, value] = number
                self.people[number].show(kind, value)
            elif self.owners[kind, value] != number:
                partial.add(kind)
        self.people[number].merge(each)
        return number

    def state(self) -> list[Any]:
        """Every profile with its identifiers, events and last event date, in the same order on both sides."""
        valued = {name for person in self.people for (name, _), each in person.events.items() if each.value is not None}
        return sorted(
            [
                [
                    person.shown | {"title": person.title, "properties": person.properties},
                    sorted(list(owned) for owned, owner in self.owners.items() if owner == number),
                    sorted(
                        [list(name), unique_id, each.second, default_value(each.value, name in valued)]
                        for (name, unique_id), each in person.events.items()
                    ),
                    iso(START + max(each.second for each in person.events.values())),
                ]
                for number, person in enumerate(self.people)
            ],
            key=repr,
        )


def default_value(value: float | None, has_value: bool) -> str:
    """``$value`` as text: the value of the request, else 0 if the metric ever had a value, else none."""
    return f"{float(value or 0)}" if value is not None or has_value else "none"


class Store:
    """The same for a real server, which receives the sequence too."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def create(self, items: Sequence[Item], is_bulk: bool, model: Model) -> Fate | None:
        """The outcome in the response; None if it is a refusal. ``model`` is the state before the request."""
        written = [(self.profile(each, model), [created.attributes() for created in each.events]) for each in items]
        if is_bulk:
            body = bulk(*[item(*[event(**one) for one in events], profile=person) for person, events in written])
        else:
            ((person, (only,)),) = written
            body = single(**only, profile=person)
        response = self.shop.send(body)
        if response.status_code == 400:
            assert all(error["source"]["pointer"].startswith("/data") for error in response.json()["errors"])
            return None
        return fate_of(response)

    def profile(self, each: Item, model: Model) -> dict[str, Any]:
        attributes = {**each.identifiers, "properties": each.properties}
        if each.title is not ABSENT:
            attributes["title"] = each.title
        id = ABSENT if each.id is None else self.profile_id(each.id, model)
        return profile(attributes, id=id, meta={"patch_properties": each.patch})

    def profile_id(self, number: int, model: Model) -> str:
        """The id of the model's profile, or one that no profile has."""
        if number >= len(model.people):
            return ULID
        kind, value = next(owned for owned, owner in model.owners.items() if owner == number)
        profiles, identifiers = self.shop.rows("profile", "identifier")
        (own,) = [owner for _, *owned, owner in identifiers if owned == [kind.removeprefix("_"), value]]
        (id,) = [id for key, id, *_ in profiles if number_of(key) == own]
        return str(id)

    def state(self) -> list[Any]:
        page = self.shop.page(include="metric,profile", **{"page[size]": "1000"})
        included = {each["id"]: each["attributes"] for each in page.get("included", [])}
        profiles, identifiers = self.shop.rows("profile", "identifier")
        found = []
        for key, id, *_ in profiles:
            attributes = included[id]
            events = [each for each in page["data"] if each["relationships"]["profile"]["data"]["id"] == id]
            found.append(
                [
                    {name: attributes[name] for name in (*KINDS[:-1], "title", "properties")},
                    sorted(
                        [WIRE_KINDS.get(kind, kind), value]
                        for _, kind, value, owner in identifiers
                        if owner == number_of(key)
                    ),
                    sorted(self.event(each, included) for each in events),
                    attributes["last_event_date"],
                ]
            )
        return sorted(found, key=repr)

    def event(self, each: dict[str, Any], included: dict[str, Any]) -> list[Any]:
        attributes, metric = each["attributes"], included[each["relationships"]["metric"]["data"]["id"]]
        properties = attributes["event_properties"]
        value = properties.get("$value")
        return [
            [metric["name"], metric["integration"]["key"]],
            properties["$event_id"],
            attributes["timestamp"] - START,
            "none" if value is None else f"{float(value)}",
        ]


creates = st.builds(
    Create,
    metric=st.tuples(st.sampled_from(["Order", "View"]), st.sampled_from(["api", "shop"])),
    unique_id=st.sampled_from([None, "1", str(START)]),
    second=st.integers(0, 1),
    value=st.sampled_from([None, None, 0, 5]),
)
items = st.builds(
    Item,
    identifiers=st.fixed_dictionaries(
        {},
        optional={
            "external_id": st.sampled_from(["x", "y"]),
            "email": st.sampled_from(["a@shop.example", "A@Shop.Example", "b@shop.example"]),
            "phone_number": st.sampled_from(["+15005550006", "+15005550007", WRONG_PHONE]),
            "anonymous_id": st.sampled_from(["x", "y"]),
            "_kx": st.sampled_from(["x", "y"]),
        },
    ),
    id=st.sampled_from([None, None, None, 0, 1, 99]),
    title=st.sampled_from([ABSENT, None, "Dr.", "Ms."]),
    properties=st.dictionaries(st.sampled_from(["a", "list"]), st.sampled_from([None, "1", ["1", "2"]]), max_size=2),
    patch=st.fixed_dictionaries(
        {},
        optional={
            "append": st.dictionaries(st.sampled_from(["a", "list"]), st.sampled_from(["1", "3"]), max_size=1),
            "unappend": st.dictionaries(st.sampled_from(["a", "list"]), st.sampled_from(["1", "3"]), max_size=1),
            "unset": st.sampled_from(["a", "list"]),
        },
    ),
    events=st.lists(creates, min_size=1, max_size=3),
)
singles = items.map(lambda each: ([msgspec.structs.replace(each, events=each.events[:1])], False))
bulks = st.lists(items, min_size=1, max_size=4).map(lambda several: (several, True))


@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    # A failing sequence says enough as it is; shrinking it takes minutes over HTTP.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
@given(requests=st.lists(singles | bulks, min_size=1, max_size=8))
def test_any_sequence_of_creates_ends_as_a_plain_model_predicts(
    counted: Scraped, requests: list[tuple[list[Item], bool]]
) -> None:
    model = Model()
    with Shop(counted.server, "model") as shop:
        store = Store(shop)
        for each, is_bulk in requests:
            attempt = copy.deepcopy(model)
            predicted = attempt.create(each)
            assert store.create(each, is_bulk, model) == predicted
            if predicted is not None:
                model = attempt
        assert store.state() == model.state()
