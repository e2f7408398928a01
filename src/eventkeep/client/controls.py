"""The controls of a stand-in: a server that runs with ``--controls``, from a test."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

import httpx
import msgspec

from eventkeep.client.errors import ConnectionFailedError
from eventkeep.client.responses import response_error
from eventkeep.protocol.admin.controls import CONTROL_OPERATIONS, CONTROLS_KEY_HEADER

SECONDS_MAX: Final = 60.0
"""How long one call may take."""


class Controls:
    """Controls the account of a key, and no other. A context manager that closes its connections.

    Every method raises ClientError if the server refuses, for example because it runs without ``--controls``.
    """

    def __init__(self, api_key: str, url: str, controls_key: str | None = None) -> None:
        headers = {"Authorization": f"Klaviyo-API-Key {api_key}"}
        if controls_key is not None:
            headers[CONTROLS_KEY_HEADER] = controls_key
        self._http = httpx.Client(
            base_url=url, headers=headers, timeout=SECONDS_MAX, trust_env=False, verify=not url.startswith("http:")
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    # The clock.

    def clock(self) -> dict[str, Any]:
        """The account's clock: ``now`` in Unix seconds, ``rate``, ``frozen`` and ``controlled``."""
        state: dict[str, Any] = self._ask("read_clock")
        return state

    def now(self) -> datetime.datetime:
        """The time of the account's clock."""
        return datetime.datetime.fromtimestamp(self.clock()["now"], datetime.UTC)

    def freeze(self, at: datetime.datetime | float | None = None) -> None:
        """Stop the clock, at a time or at its own."""
        self._ask("change_clock", {"freeze": True, **moment(at)})

    def set_clock(self, to: datetime.datetime | float) -> None:
        """Have the clock show a time from which it goes on, unless it is frozen."""
        self._ask("change_clock", moment(to))

    def advance(self, seconds: float) -> None:
        """Move the clock, back if ``seconds`` is negative; a frozen one stays frozen."""
        self._ask("change_clock", {"advance": seconds})

    def run_clock(self, rate: float = 1.0) -> None:
        """Have the clock run ``rate`` times as fast as the real one."""
        self._ask("change_clock", {"rate": rate})

    def reset_clock(self) -> None:
        """Give the account the real clock again."""
        self._ask("change_clock", {"reset": True})

    # Faults.

    def fail(
        self,
        kind: str,
        *,
        status: int | None = None,
        window: str | None = None,
        seconds: float | None = None,
        latency: float | Mapping[str, float] | None = None,
        times: int | None = None,
        for_seconds: float | None = None,
        seed: int | None = None,
        **match: Any,
    ) -> int:
        """Add a rule that makes requests fail; returns its number.

        - ``kind``: the fault, such as ``status``, ``throttled``, ``reset_after`` or ``latency``.
        - ``status``, ``window``, ``seconds``: details of the kinds ``status``, ``throttled`` and ``slow_body``.
        - ``latency``: seconds to wait before the response, or ``{"seconds": 0.2, "sigma": 0.8}`` for a lognormal wait.
        - ``times``, ``for_seconds``: how often and how long the rule holds.
        - Conditions: ``operation``, ``method``, ``path``, ``headers``, ``metric``, ``identifier``, ``calls``,
          ``probability``; without any, every request fails. ``seed`` is that of the probability.
        """
        wait = {"seconds": latency} if isinstance(latency, int | float) else latency
        effect = given(kind=kind, status=status, window=window, seconds=seconds, latency=wait)
        rule = {"effect": effect, "match": match, **given(times=times, for_seconds=for_seconds, seed=seed)}
        number: int = self._ask("add_faults", {"rules": [rule]})["numbers"][0]
        return number

    def add_rules(self, rules: Sequence[Mapping[str, Any]]) -> list[int]:
        """Add rules as the control routes take them; returns their numbers."""
        numbers: list[int] = self._ask("add_faults", {"rules": list(rules)})["numbers"]
        return numbers

    def fail_as(self, profile: str) -> list[int]:
        """Add the rules of a named profile, such as ``bad day``; returns their numbers."""
        numbers: list[int] = self._ask("add_faults", {"profile": profile})["numbers"]
        return numbers

    def faults(self) -> list[dict[str, Any]]:
        """The rules that hold, with how often each matched and was used."""
        rules: list[dict[str, Any]] = self._ask("list_faults")["rules"]
        return rules

    def clear_faults(self) -> None:
        """Remove all rules."""
        self._ask("clear_faults")

    # Requests and events.

    def requests(
        self, *, operation: str | None = None, status: int | None = None, after: int = 0
    ) -> list[dict[str, Any]]:
        """The newest requests of the account, the oldest of them first, with their responses and faults."""
        parameters = {
            name: str(value) for name, value in given(operation=operation, status=status, after=after).items()
        }
        requests: list[dict[str, Any]] = self._ask("list_requests", parameters=parameters)["requests"]
        return requests

    def clear_requests(self) -> None:
        """Forget the requests."""
        self._ask("clear_requests")

    def expect(
        self,
        metric: str,
        *,
        profile: str | None = None,
        value: float | None = None,
        unique_id: str | None = None,
        properties: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Look for an event: ``found`` is the newest that matches, or None; then ``message`` tells the near miss."""
        expected = given(metric=metric, profile=profile, value=value, unique_id=unique_id, properties=properties)
        response: dict[str, Any] = self._ask("expect_event", expected)
        return response

    # Seeds.

    def load_seed(self, account: Mapping[str, Any]) -> int:
        """Load one account of a seed into this account; returns the number of events. ``reset`` loads it again."""
        events: int = self._ask("load_seed", account)["events"]
        return events

    def reset(self) -> dict[str, Any]:
        """Empty the account, load its seed again, and begin its clock, faults and journal anew.

        Returns the ``account``, its new ``public_id`` and the number of ``events``.
        """
        response: dict[str, Any] = self._ask("reset_account", {})
        return response

    def dump(self) -> dict[str, Any]:
        """The account as one of a seed, without its keys."""
        seed: dict[str, Any] = self._ask("dump_account")
        return seed

    # Webhooks.

    def add_webhook(self, url: str, secret: str, topics: Sequence[str] = ("event:*",)) -> str:
        """Have the events of these topics delivered to a URL from now on; returns the id of the webhook."""
        id: str = self._ask("add_webhook", {"url": url, "secret": secret, "topics": list(topics)})["id"]
        return id

    def webhooks(self) -> list[dict[str, Any]]:
        """The webhooks, with how many events were ``delivered`` and how many ``failed``."""
        webhooks: list[dict[str, Any]] = self._ask("list_webhooks")["webhooks"]
        return webhooks

    def clear_webhooks(self) -> None:
        """Deliver no more."""
        self._ask("clear_webhooks")

    def _ask(self, name: str, body: object = None, parameters: Mapping[str, str] | None = None) -> Any:
        operation = CONTROL_OPERATIONS[name]
        content = None if body is None else msgspec.json.encode(body)
        headers = {"Content-Type": "application/json"}
        try:
            response = self._http.request(
                operation.method, operation.path, content=content, headers=headers, params=parameters
            )
        except httpx.TransportError as exc:
            raise ConnectionFailedError(f"{self._http.base_url}: {exc}", 1) from exc
        if response.status_code != httpx.codes.OK:
            raise response_error(response, 1, datetime.datetime.now(datetime.UTC).timestamp())
        return msgspec.json.decode(response.content)


def given(**values: Any) -> dict[str, Any]:
    """The values that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def moment(to: datetime.datetime | float | None) -> dict[str, Any]:
    """The member ``set`` of a change of a clock."""
    if isinstance(to, datetime.datetime):
        return {"set": (to if to.tzinfo else to.replace(tzinfo=datetime.UTC)).timestamp()}
    return given(set=to)
