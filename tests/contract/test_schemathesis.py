"""Requests made from the OpenAPI documents, ours and upstream's: every response is a documented one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

import pytest
import requests
from hypothesis import assume, given
from hypothesis import strategies as st
from schemathesis import GenerationMode, Response

from eventkeep.protocol.operations import OPERATIONS
from eventkeep.testing import ServerProcess, free_port
from tests.contract.schema_driven import (
    EXAMPLES,
    REVISION,
    AnyCase,
    Subject,
    admin_schemas,
    bounded,
    check_response,
    first_event,
    mended,
    upstream_schemas,
)
from tests.contract.snapshot import Snapshot

pytestmark = pytest.mark.timeout(300 + EXAMPLES * 3)

EVENTS = {name: operation for name, operation in OPERATIONS.items() if operation.tag == "Events"}
READS = [name for name, operation in EVENTS.items() if operation.method == "GET"]
CREATES = [name for name, operation in EVENTS.items() if operation.method == "POST"]


@pytest.fixture(scope="module")
def metrics_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def eventkeep_server(tmp_path_factory: pytest.TempPathFactory, metrics_port: int) -> Iterator[ServerProcess]:
    """A server of this module alone: the tests compare its stored data."""
    options = ("--default-revision", REVISION, "--metrics-port", str(metrics_port))
    with ServerProcess(tmp_path_factory.mktemp("schemathesis") / "data", options=options) as process:
        yield process


@pytest.fixture(scope="module")
def snapshot(eventkeep_server: ServerProcess, metrics_port: int) -> Iterator[Snapshot]:
    taken = Snapshot(eventkeep_server, metrics_port)
    yield taken
    taken.close()


@pytest.fixture(scope="module", params=["own", "upstream"])
def subject(request: pytest.FixtureRequest, eventkeep_server: ServerProcess) -> Iterator[Subject]:
    """The server, and a document to make requests from."""
    is_own = request.param == "own"
    schemas = admin_schemas(eventkeep_server) if is_own else upstream_schemas()
    key = eventkeep_server.make_key(account=request.param)
    with requests.Session() as session:
        yield Subject(eventkeep_server, session, key, first_event(eventkeep_server, key), schemas, is_own)


def check(subject: Subject, case: AnyCase, response: Response) -> None:
    """Raises an error that describes the fault of a response."""
    # The HTTP layer's own refusals have no body; upstream does not know them.
    assume(subject.is_own or response.status_code != 431)
    check_response(case, response)


@pytest.mark.parametrize("operation", READS)
def test_every_response_to_a_read_is_documented(subject: Subject, operation: str) -> None:
    statuses: Counter[int] = Counter()
    for mode in subject.modes(operation):

        @bounded(EXAMPLES)
        @given(case=subject.cases(operation, mode))
        def every_response_is_documented(case: AnyCase) -> None:
            response = subject.call(case)
            statuses[response.status_code] += 1
            check(subject, case, response)

        every_response_is_documented()
    assert statuses[200] > 0
    assert statuses[400] > 0


@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation", CREATES)
def test_a_create_is_kept_whole_or_not_at_all(
    subject: Subject, snapshot: Snapshot, operation: str, mode: GenerationMode
) -> None:
    statuses: Counter[int] = Counter()
    before = snapshot.take()
    expected = subject.count_events()

    @bounded(EXAMPLES)
    @given(case=subject.cases(operation, mode), is_mended=st.sampled_from([True, True, True, False]))
    def every_response_is_documented(case: AnyCase, is_mended: bool) -> None:
        nonlocal before, expected
        if is_mended and mode is GenerationMode.POSITIVE:
            case.body = mended(case.body)
        response = subject.call(case)
        statuses[response.status_code] += 1
        after = snapshot.take()
        if response.status_code == 202:
            assert response.content == b""
            stored = int(response.headers["eventkeep-events-stored"][0])
            assert after[0] - before[0] == stored
            expected += stored
        else:
            assert "eventkeep-events-stored" not in response.headers
            assert after == before, f"refused, and yet something changed: {json.dumps(case.body)}"
        before = after
        check(subject, case, response)

    every_response_is_documented()
    print(f"\n{operation}, {mode.value}, {'own' if subject.is_own else 'upstream'}: {dict(sorted(statuses.items()))}")
    assert subject.count_events() == expected
    assert statuses[400] > 0
    if mode is GenerationMode.POSITIVE:
        assert statuses[202] > 0
