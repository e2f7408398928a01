"""Fault rules: which calls they hit, how often, and for how long."""

from __future__ import annotations

import pytest

from eventkeep.errors import InvalidRequest
from eventkeep.limits import FAULT_DELAY_SECONDS_MAX, FAULT_RULES_MAX
from eventkeep.standin.faults import PROFILES, Call, Effect, FaultRules, Kind, Latency, Match, Rule

EFFECT = Effect(kind=Kind.STATUS, status=503)


def call(operation: str = "create_event", body: bytes = b"", path: str = "/api/events/", **headers: str) -> Call:
    method = "POST" if operation.startswith("create") else "GET"
    return Call(operation, method, path, headers, body)


def hits(rule: Rule, calls: list[Call]) -> list[bool]:
    rules = FaultRules()
    rules.add([rule], 0.0)
    return [rules.take(each, 0.0) is not None for each in calls]


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        (Match(), [True, True, True]),
        (Match(operation="create_event"), [True, False, True]),
        (Match(method="GET"), [False, True, False]),
        (Match(path="^/api/events/$"), [True, False, True]),
        (Match(headers={"Revision": "2024"}), [True, False, False]),
        (Match(metric="Placed Order"), [True, False, False]),
        (Match(metric="Placed"), [False, False, False]),
        (Match(identifier="ada@shop.example", operation="create_event"), [False, False, True]),
        (Match(calls=(2, 3)), [False, True, True]),
        (Match(probability=0.0), [False, False, False]),
    ],
)
def test_all_conditions_have_to_match(match: Match, expected: list[bool]) -> None:
    calls = [
        call(body=b'{"name":"Placed Order"}', revision="2024-06-15"),
        call("get_event", path="/api/events/x/"),
        call(body=b'{"email":"ada@shop.example"}'),
    ]
    assert hits(Rule(effect=EFFECT, match=match), calls) == expected


def test_a_rule_ends_after_its_uses() -> None:
    assert hits(Rule(effect=EFFECT, times=2), [call()] * 4) == [True, True, False, False]


def test_a_rule_ends_with_its_time() -> None:
    rules = FaultRules()
    rules.add([Rule(effect=EFFECT, for_seconds=10.0)], 100.0)
    assert [rules.take(call(), now) is not None for now in (100.0, 109.9, 110.0, 105.0)] == [True, True, False, False]


def test_the_same_seed_gives_the_same_calls() -> None:
    rule = Rule(effect=EFFECT, match=Match(probability=0.3), seed=5)
    first = hits(rule, [call()] * 200)
    assert first == hits(rule, [call()] * 200)
    assert 30 < sum(first) < 90
    assert first != hits(Rule(effect=EFFECT, match=Match(probability=0.3), seed=6), [call()] * 200)


def test_the_first_matching_rule_decides_and_is_counted() -> None:
    rules = FaultRules()
    rules.add([Rule(effect=EFFECT, match=Match(operation="get_event")), Rule(effect=Effect(kind=Kind.EMPTY))], 0.0)
    taken = rules.take(call(), 0.0)
    assert taken is not None and (taken[0], taken[1].kind) == (2, Kind.EMPTY)
    assert [(each["matched"], each["used"]) for each in rules.listed(0.0)] == [(0, 0), (1, 1)]
    rules.clear()
    assert rules.take(call(), 0.0) is None


def test_latency_is_bounded_and_has_its_median() -> None:
    rules = FaultRules()
    latency = Latency(0.5, 1.0)
    rules.add([Rule(effect=Effect(kind=Kind.LATENCY, latency=latency))], 0.0)
    drawn = sorted(taken[2] for _ in range(501) if (taken := rules.take(call(), 0.0)))
    assert 0.3 < drawn[250] < 0.8 and drawn[0] < 0.2
    assert drawn[-1] <= FAULT_DELAY_SECONDS_MAX


def test_a_wrong_pattern_is_named_and_changes_nothing() -> None:
    rules = FaultRules()
    with pytest.raises(InvalidRequest) as raised:
        rules.add([Rule(effect=EFFECT), Rule(effect=EFFECT, match=Match(path="("))], 0.0)
    assert raised.value.faults[0].pointer == "/rules/1/match/path"
    assert rules.listed(0.0) == []


def test_rules_are_bounded() -> None:
    rules = FaultRules()
    rules.add([Rule(effect=EFFECT)] * FAULT_RULES_MAX, 0.0)
    with pytest.raises(InvalidRequest, match="at most"):
        rules.add([Rule(effect=EFFECT)], 0.0)


@pytest.mark.parametrize("name", PROFILES)
def test_named_profiles_hit_some_calls(name: str) -> None:
    rules = FaultRules()
    rules.add(PROFILES[name], 0.0)
    assert any(rules.take(call(), 0.0) for _ in range(100))
