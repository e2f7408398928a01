from __future__ import annotations

import json

import httpx
import pytest

from eventkeep.protocol.revisions import REVISIONS
from eventkeep.testing import ServerProcess
from tests.acceptance.program import Finished, run_here

PAIR = ("2024-02-15", "2024-06-15")


def run(*arguments: str, **environment: str) -> Finished:
    return run_here(arguments, {"NO_COLOR": "1", "COLUMNS": "120", **environment})


def lines(text: str) -> list[str]:
    """The lines with single blanks, so that the width of columns does not matter."""
    return [" ".join(line.split()) for line in text.splitlines()]


def test_every_revision_is_listed_with_its_changes() -> None:
    done = run("revisions")
    assert (done.code, done.errors) == (0, "")
    assert all(revision.date in done.output for revision in REVISIONS)
    assert "+bulk_create_events" in done.output
    assert "fields[profile] +locale" in done.output
    assert "nothing that a client sees" in done.output


def test_the_list_as_json_has_a_line_for_each_revision() -> None:
    listed = [json.loads(line) for line in run("revisions", "list", "--json").output.splitlines()]
    assert [each["date"] for each in listed] == [revision.date for revision in REVISIONS]
    assert listed[0]["changes"] == []
    assert "bulk_create_events" in listed[-1]["operations"]
    added = next(each for each in listed if each["date"] == "2024-05-15")["changes"][0]
    assert (added["kind"], added["name"]) == ("added", "bulk_create_events")


def test_the_difference_shows_the_bulk_operation_and_the_changed_profile() -> None:
    done = run("revisions", "diff", *PAIR)
    assert (done.code, done.errors) == (0, "")
    told = lines(done.output)
    assert told[:2] == ["2024-02-15 → 2024-06-15", "Operations: 1 added, 14 changed, 21 unchanged."]
    for line in (
        "+ bulk_create_events POST /api/event-bulk-create-jobs/",
        "+ burst 10/s",
        "+ steady 150/m",
        "+ events 1,000 a request",
        "+ bytes 5 MB a request",
        "+ events:write",
        "~ create_event POST /api/events/",
        "- data.attributes.profile.data.meta object, may be null",
        "- patch_properties object, may be null",
        "+ fields[profile] locale",
        "+ data.attributes.locale string, may be null",
    ):
        assert line in told
    assert "\x1b" not in done.output


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize(("before", "after"), [PAIR, ("2023-07-15", "2026-07-15")])
def test_the_difference_fits_a_narrow_terminal(before: str, after: str, width: int) -> None:
    done = run("revisions", "diff", before, after, COLUMNS=str(width))
    told = done.output.splitlines()
    # A name that is too long for one line is not cut.
    assert [line for line in told if len(line) > width and max(map(len, line.split())) <= width - 8] == []
    assert all(line == line.rstrip() for line in told)


def test_added_and_removed_are_coloured_on_request() -> None:
    done = run("revisions", "diff", *PAIR, NO_COLOR="", FORCE_COLOR="1", TERM="xterm-256color")
    assert "\x1b[1;32m+ bulk_create_events\x1b[0m" in done.output
    assert "\x1b[31m    - data.attributes.profile.data.meta\x1b[0m" in done.output


def test_the_difference_as_markdown_is_a_page_of_tables() -> None:
    output = run("revisions", "diff", *PAIR, "--markdown").output
    assert output.startswith("# From 2024-02-15 to 2024-06-15\n")
    assert "## Added: bulk_create_events\n\n`POST /api/event-bulk-create-jobs/`\n" in output
    assert "| + | `steady` | 150/m |\n" in output
    assert "| - | `data.attributes.profile.data.meta` | object, may be null |\n" in output
    tables = [line for line in output.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in tables} == {4}


def test_the_difference_as_json_has_every_change() -> None:
    found = json.loads(run("revisions", "diff", *PAIR, "--json").output)
    assert (found["before"], found["after"]) == PAIR
    bulk = found["operations"][0]
    assert {"kind": "added", "part": "limit", "place": "steady", "after": "150/m"} in bulk["changes"]


def test_the_way_back_lists_removed_parts() -> None:
    told = lines(run("revisions", "diff", *reversed(PAIR)).output)
    assert told[1] == "Operations: 1 removed, 14 changed, 21 unchanged."
    assert "- bulk_create_events POST /api/event-bulk-create-jobs/" in told


def test_a_revision_does_not_differ_from_itself() -> None:
    assert lines(run("revisions", "diff", "2024-06-15", "2024-06-15").output)[1] == "Operations: 36 unchanged."


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("2024-06-14", "2024-06-15"), "there is no revision '2024-06-14'; eventkeep revisions lists them"),
        ((*PAIR, "--json", "--markdown"), "--markdown and --json can't be had at once"),
    ],
)
def test_impossible_comparisons_are_a_wrong_usage(arguments: tuple[str, ...], says: str) -> None:
    done = run("revisions", "diff", *arguments)
    assert done.code == 2
    assert says in done.errors
    assert done.output == ""


def test_a_running_server_serves_every_document_without_a_key(server: ServerProcess) -> None:
    for revision in REVISIONS:
        response = httpx.get(f"{server.url}/openapi/{revision.date}.json")
        assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
        assert response.json()["info"]["version"] == revision.date
        assert response.json()["servers"] == [{"url": server.url}]


def test_there_is_no_document_of_another_date(server: ServerProcess) -> None:
    response = httpx.get(f"{server.url}/openapi/2024-06-14.json")
    assert response.status_code == 404
    assert response.json()["errors"][0]["detail"] == "The path /openapi/2024-06-14.json could not be found"
    assert httpx.post(f"{server.url}/openapi/2024-06-15.json").status_code == 405
