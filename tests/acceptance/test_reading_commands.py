"""events, profiles, metrics, stats, tail and doctor, run as by people and by programs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from rich.cells import cell_len

from eventkeep import Client
from eventkeep.testing import ServerProcess, free_port
from tests.acceptance.program import Finished, run_here
from tests.acceptance.terminal import COLOURS, Terminal
from tests.contract.api import make_keys

SECOND: Final = "2024-06-15T12:00:{:02}Z"
EVIL: Final = "\x1b[2JEvil\N{RIGHT-TO-LEFT OVERRIDE}"
LONG: Final = "ada.lovelace.of.the.analytical.engine@a.very.long.domain.example"


def without_colours(text: str) -> str:
    return COLOURS.sub("", text)


class Shop(msgspec.Struct):
    """A running server and a key of an account with events."""

    server: ServerProcess
    key: str

    @property
    def environment(self) -> dict[str, str]:
        return {"EVENTKEEP_URL": self.server.url, "EVENTKEEP_API_KEY": self.key}

    def run(self, *arguments: str, **environment: str) -> Finished:
        """The command in this process: starting one for each would take most of the tests' time."""
        return run_here(arguments, {**self.environment, **environment})

    def lines(self, *arguments: str) -> list[Any]:
        """The output with --json, one value per line."""
        done = self.run(*arguments, "--json")
        assert (done.code, done.errors) == (0, "")
        return [json.loads(line) for line in done.output.splitlines()]

    def shown(self, *arguments: str, **environment: str) -> Finished:
        """The output on a terminal of 80 columns, of a command that succeeded."""
        done = self.run(*arguments, **{"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": "80", **environment})
        assert done.code == 0, done.errors
        return done

    def client(self) -> Client:
        return Client(self.key, self.server.url)


@pytest.fixture(scope="module")
def shop(server: ServerProcess) -> Shop:
    found = Shop(server, make_keys(server, "reading", "full")[0])
    with found.client() as client:
        ada = {"email": LONG, "first_name": "Ada", "last_name": "Lovelace", "location": {"city": "London"}}
        for number in range(5):
            client.track(
                "Placed Order of Something with a Long Name",
                {**ada, "properties": {"size": {"shoe": 38}}},
                time=SECOND.format(number),
                value=1_234.5 + number,
                value_currency="EUR",
                unique_id=f"order {number}",
                properties={"number": number, "note": EVIL},
            )
        client.track(EVIL, {"external_id": EVIL}, time=SECOND.format(30))
        client.track("Viewed Page", {"phone_number": "+15005550006"}, time=SECOND.format(40), value=7)
    return found


# Lists


def test_events_are_listed_newest_first_and_chosen_by_name_profile_and_time(shop: Shop) -> None:
    assert [event["metric"]["name"] for event in shop.lines("events")][:2] == ["Viewed Page", EVIL]
    orders = shop.lines("events", "--metric", "Placed Order of Something with a Long Name", "--sort", "datetime")
    assert [event["event_properties"]["number"] for event in orders] == [0, 1, 2, 3, 4]
    assert (orders[0]["profile"]["email"], orders[0]["event_properties"]["$value"]) == (LONG, 1234.5)
    assert (
        shop.lines("events", "--metric", orders[0]["metric"]["id"], "--profile", LONG, "--sort", "datetime") == orders
    )
    between = ("--since", "2024-06-15T12:00:03", "--until", "2024-06-15T12:00:40")
    assert len(shop.lines("events", *between)) == 3
    assert len(shop.lines("events", *between, "--filter", "less-than(timestamp,1718452804)")) == 1
    ids = [profile["id"] for profile in shop.lines("profiles")]
    for profile, id in zip(("+1 500 555 0006", EVIL, ids[2]), ids, strict=True):
        assert {event["profile"]["id"] for event in shop.lines("events", "--profile", profile)} == {id}


def test_events_are_walked_page_by_page_up_to_the_limit(shop: Shop) -> None:
    whole = shop.lines("events", "list", "--limit", "100")
    assert len(whole) == 7
    assert shop.lines("events", "--limit", "3") == whole[:3]


def test_metrics_are_listed_with_their_events(shop: Shop) -> None:
    assert {each["name"]: each["events"] for each in shop.lines("metrics")} == {
        "Placed Order of Something with a Long Name": 5,
        EVIL: 1,
        "Viewed Page": 1,
    }
    assert len(shop.lines("metrics", "--limit", "2")) == 2


def test_profiles_are_listed_newest_first_or_by_an_identifier(shop: Shop) -> None:
    profiles = shop.lines("profiles")
    assert [each.get("email") for each in profiles] == [None, None, LONG]
    assert shop.lines("profiles", "--oldest-first", "--limit", "2") == profiles[:0:-1]
    assert shop.lines("profiles", "--phone-number", "+1 (500) 555-0006") == profiles[:1]
    assert shop.lines("profiles", "--email", "nobody@shop.example") == []


# Single resources


def test_one_event_is_shown_in_full(shop: Shop) -> None:
    event = shop.lines("events", "--limit", "3")[2]
    done = shop.run("events", "show", event["id"])
    assert (done.code, done.errors) == (0, "")
    figures = done.figures()
    assert figures["time"] == "2024-06-15 12:00:04 UTC"
    assert figures["value"] == "1238.5 EUR"
    assert figures["profile"] == f"{LONG} ({event['profile']['id']})"
    assert (figures["unique_id"], figures["uuid"]) == ("order 4", event["uuid"])
    assert '"number": 4' in done.output
    assert json.loads(shop.run("events", "show", event["id"], "--json").output) == event


def test_one_profile_and_one_metric_are_shown_by_name_or_by_id(shop: Shop) -> None:
    (profile,) = shop.lines("profiles", "--email", LONG)
    by_email, by_id = (shop.run("profiles", "show", name) for name in (LONG, profile["id"]))
    assert by_email == by_id
    assert ('"city": "London"' in by_id.output, '"shoe": 38' in by_id.output) == (True, True)
    assert by_id.figures()["first_name"] == "Ada"
    assert "email marketing  never subscribed\n" in by_id.output
    shown = json.loads(shop.run("profiles", "show", LONG, "--json").output)
    assert shown.pop("subscriptions")["email"]["marketing"] == {"consent": "NEVER_SUBSCRIBED", "can_receive": True}
    assert shown == profile
    (metric,) = [each for each in shop.lines("metrics") if each["name"] == "Viewed Page"]
    named, identified = (shop.run("metrics", "show", name) for name in ("Viewed Page", metric["id"]))
    assert named == identified
    assert named.figures()["events"] == "1"


def test_stats_tell_how_much_there_is(shop: Shop) -> None:
    done = shop.run("stats")
    figures = done.figures()
    assert [figures[name] for name in ("events", "profiles", "metrics")] == ["7", "3", "3"]
    assert figures["newest event"] == "2024-06-15 12:00:40 UTC"
    told = json.loads(shop.run("stats", "--json").output)
    assert (told["events"], told["by_metric"][0]["events"]) == (7, 5)


# Appearance


def without_size(lines: list[str]) -> list[str]:
    """The lines without the number of bytes on disk."""
    return [re.sub(r"^(on disk +about) [\d,.]+ \w+$", r"\1", line) for line in lines]


@pytest.mark.parametrize(
    "arguments",
    [("events",), ("profiles",), ("metrics",), ("stats",), ("profiles", "show", LONG), ("doctor",)]
    + [(*command, "--help") for command in [("events", "list"), ("profiles", "list"), ("tail",), ("doctor",)]],
    ids=" ".join,
)
def test_everything_fits_a_window_of_80_columns(shop: Shop, arguments: tuple[str, ...]) -> None:
    if arguments == ("doctor",):
        arguments = ("doctor", "--data", str(shop.server.data), "--port", str(shop.server.port))
    lines = without_colours(shop.shown(*arguments).output).splitlines()
    assert max(cell_len(line) for line in lines) <= 80
    if arguments[-1] == "--help":
        assert "Example: eventkeep" in " ".join(lines)
        return
    assert all(line == line.rstrip() for line in lines)
    plain = shop.shown(*arguments, NO_COLOR="1").output
    assert "\x1b[3" not in plain
    if arguments[0] != "doctor":
        # The engine may merge stored parts at any moment, which changes their size.
        assert without_size(without_colours(plain).splitlines()) == without_size(lines)


def test_window_tells_its_own_width(shop: Shop) -> None:
    with Terminal("events", environment=shop.environment) as terminal:
        assert terminal.end() == 0
    assert terminal.lines == without_colours(shop.shown("events").output).splitlines()


def test_nothing_that_an_event_holds_can_command_the_terminal(shop: Shop) -> None:
    (event,) = shop.lines("events", "--metric", EVIL)
    for arguments in (["events"], ["profiles"], ["metrics"], ["stats"], ["events", "show", event["id"]]):
        for text in (without_colours(shop.shown(*arguments).output), shop.run(*arguments).output):
            assert "\x1b" not in text
            assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in text
    assert "\\x1b[2JEvil\\u202e" in shop.run("metrics").output


def test_piped_tables_are_plain_and_cut_nothing(shop: Shop) -> None:
    done = shop.run("events", COLUMNS="40")
    lines = done.output.splitlines()
    assert lines[0].split("  ")[0] == "time (UTC)"
    assert len(lines) == 8
    assert f"Placed Order of Something with a Long Name  {LONG}" in done.output
    assert "\x1b" not in done.output
    assert done.errors == ""


def test_terminal_shows_that_there_is_more(shop: Shop) -> None:
    assert "only 2 are shown" in shop.shown("events", "--limit", "2").errors
    assert shop.shown("events", "--limit", "7").errors == ""


@pytest.mark.parametrize("arguments", [["events"], ["metrics", "--json"]], ids=" ".join)
def test_reader_that_goes_away_ends_it_without_a_word(shop: Shop, arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "eventkeep", *arguments],
            stdout=closed,
            stderr=subprocess.PIPE,
            check=False,
            env={**os.environ, **shop.environment},
        )
    assert (done.returncode, done.stderr) == (0, b"")


# Errors


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["events", "--metric", "Nothing"], 2, "there is no metric 'Nothing'"),
        (["events", "--profile", "nobody@shop.example"], 2, "there is no profile 'nobody@shop.example'"),
        (["events", "--filter", "nonsense"], 2, "Invalid filter provided"),
        (["events", "--since", "yesterday"], 2, "--since: expected a time"),
        (["events", "--sort", "email"], 2, "'email' is not an allowed sort"),
        (["events", "--limit", "0"], 2, "Invalid value for '--limit'"),
        (["events", "show", "0" * 17], 1, "does not exist"),
        (["events", "nothing"], 2, "nothing"),
        (["metrics", "show", "abcdef"], 2, "there is no metric 'abcdef'"),
        (["profiles", "--email", "a@b.de", "--external-id", "1"], 2, "--email and --external-id can't be had at once"),
        (["profiles", "--email", "nobody"], 2, "Expected an email address"),
        (["profiles", "show", "01GDDKASAP8TKDDA2GRZDSVP4H"], 2, "there is no profile"),
        (["stats", "--api-key", "wrong"], 4, "401"),
        (["stats", "--url", f"http://127.0.0.1:{free_port()}"], 5, "no response from"),
        (["tail", "--api-key", "wrong"], 4, "401"),
        (["stats", "--url", "nonsense"], 2, "--url"),
    ],
)
def test_errors_are_printed_with_their_exit_code(shop: Shop, arguments: list[str], code: int, says: str) -> None:
    done = shop.run(*arguments)
    assert (done.code, done.output) == (code, "")
    # A terminal, or a variable of the environment, may have them coloured.
    assert says in re.sub(r"\x1b\[[\d;]*m", "", done.errors)
    assert "Traceback" not in done.errors


@pytest.mark.parametrize("arguments", [["metrics"], ["profiles", "show", LONG], ["stats"], ["tail"]], ids=" ".join)
def test_server_that_is_no_eventkeep_is_named(shop: Shop, arguments: list[str]) -> None:
    # The server has no route below this address, as the hosted service has none.
    elsewhere = f"{shop.server.url}/elsewhere"
    done = shop.run(*arguments, "--url", elsewhere)
    assert (done.code, done.output) == (2, "")
    assert f"{elsewhere} can't do this; it takes an eventkeep server" in done.errors
    by_name = shop.run("events", "--metric", "Viewed Page", "--url", elsewhere)
    assert f"--metric: {elsewhere} is no server of this API" in by_name.errors


@pytest.mark.parametrize(
    ("shell", "typed", "offered"),
    [
        ("bash", "eventkeep events --metric Vi", ["Viewed\\ Page"]),
        ("bash", 'eventkeep tail --metric "Viewed P', ["Viewed Page"]),
        ("bash", "eventkeep events --api-key pk_wrong --metric Vi", []),
        ("fish", "eventkeep events --metric Placed", ["Placed Order of Something with a Long Name"]),
    ],
)
def test_shell_completes_metrics_by_their_names(shop: Shop, shell: str, typed: str, offered: list[str]) -> None:
    environment = {
        "_EVENTKEEP_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.partition(" --metric")[0].split()) + 1),
        "_TYPER_COMPLETE_ARGS": typed,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    # The variable is named after the program, so that it has to be the real one.
    done = subprocess.run(
        [Path(sys.executable).with_name("eventkeep")],
        env={**os.environ, **shop.environment, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout.split("\n"), done.stderr) == ([*(offered or [""]), ""], "")


def test_missing_scope_of_a_key_is_named(shop: Shop) -> None:
    (key,) = make_keys(shop.server, "reading", "events:read")
    for arguments in (["stats"], ["profiles"], ["events"]):
        done = shop.run(*arguments, EVENTKEEP_API_KEY=key)
        assert (done.code, "profiles:read" in done.errors) == (4, True)


def test_nothing_found_is_no_failure(shop: Shop) -> None:
    for arguments in (["events", "--since", "1h"], ["profiles", "--email", "nobody@shop.example"]):
        done = shop.run(*arguments)
        assert (done.code, done.output) == (0, "")
        assert "was found" in done.errors


# New events


@pytest.fixture
def restarted(tmp_path: Path) -> Iterator[Shop]:
    with ServerProcess(tmp_path / "data") as server:
        yield Shop(server, make_keys(server, "default", "full")[0])


def test_tail_shows_events_as_they_come_and_survives_a_restart(restarted: Shop) -> None:
    with Terminal("tail", environment=restarted.environment) as terminal, restarted.client() as client:
        terminal.wait_for("time (UTC)")
        client.track("First", {"email": LONG}, value=3, time=SECOND.format(1))
        terminal.wait_for("First")
        restarted.server.stop()
        terminal.wait_for("does not respond; trying again")
        restarted.server.start()
        client.track(EVIL, {"email": LONG}, time=SECOND.format(2))
        terminal.wait_for("Evil")
        terminal.interrupt()
        assert terminal.end() == 130
    assert "the server responds again" in terminal.text
    assert "some events may be missing here" in terminal.text
    assert "Traceback" not in terminal.text
    assert "\x1b[2J" not in terminal.raw
    assert max(map(cell_len, terminal.lines)) <= 80
    (first,) = [line for line in terminal.lines if "First" in line]
    assert first.startswith("2024-06-15 12:00:01  First")


def test_tail_ends_after_its_count_and_tells_one_metric(shop: Shop) -> None:
    arguments = ["tail", "--json", "--count", "2", "--metric", "Wanted"]
    tail = subprocess.Popen(
        [sys.executable, "-m", "eventkeep", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **shop.environment},
    )
    stopping = threading.Event()

    def send() -> None:
        # Standard output does not show that tail has begun: events are created until it has seen enough.
        with shop.client() as client:
            while not stopping.wait(0.1):
                client.track("Other", {"email": LONG})
                client.track("Wanted", {"email": LONG})

    sending = threading.Thread(target=send)
    sending.start()
    try:
        output, errors = tail.communicate(timeout=60)
    finally:
        stopping.set()
        sending.join()
    assert (tail.returncode, errors) == (0, b"")
    events = [json.loads(line) for line in output.splitlines()]
    assert [event["metric"]["name"] for event in events] == ["Wanted", "Wanted"]
    assert events[0]["id"] != events[1]["id"]


# doctor


def test_doctor_finds_a_running_server_well(shop: Shop) -> None:
    done = shop.run("doctor", "--data", str(shop.server.data), "--port", str(shop.server.port), "--json")
    found = json.loads(done.output)
    checks = {check["check"]: check for check in found["checks"]}
    assert (done.code, done.errors) == (0, "")
    assert found["status"] != "fault"
    assert f"in use by a server (process {shop.server.pid})" in checks["folder"]["found"]
    assert (checks["port"]["status"], checks["port"]["found"]) == (
        "ok",
        f"eventkeep responds at {shop.server.url} and is ready",
    )
    assert checks["sync"]["found"].endswith("ms until a write is on disk")


def test_doctor_says_how_to_correct_a_fault(tmp_path: Path, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "eventkeep.toml").write_text(f'data = "eventkeep.toml"\nport = {shop.server.port}\n')
    done = shop.run("doctor")
    assert done.code == 1
    assert "is no folder" in done.output
    assert "to do: choose another with --data" in done.output
    assert "with another folder" in done.output
    assert "1 fault and 1 warning found" in done.output or "1 fault and 2 warnings found" in done.output
