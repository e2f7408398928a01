"""The names that ``import eventkeep`` offers, one by one."""

from __future__ import annotations

import inspect
import subprocess
import sys
import types
from typing import Any

import pytest

import eventkeep
from eventkeep.client import errors
from eventkeep.client.asynchronous.accounts import AsyncAccounts
from eventkeep.client.asynchronous.events import AsyncEvents
from eventkeep.client.asynchronous.metrics import AsyncMetrics
from eventkeep.client.asynchronous.profiles import AsyncProfiles
from eventkeep.client.synchronous.events import Events
from eventkeep.protocol.operations import OPERATIONS

EXPORTED = [
    "Account",
    "AggregateRow",
    "ApiResponse",
    "ArgumentError",
    "AsyncBatch",
    "AsyncClient",
    "Attribution",
    "AuthenticationError",
    "Batch",
    "BatchCounts",
    "BatchError",
    "BatchedEvent",
    "BufferFullError",
    "Channel",
    "Client",
    "ClientError",
    "ClosedError",
    "Condition",
    "ConfigurationError",
    "ConnectionFailedError",
    "Consent",
    "Created",
    "ErrorObject",
    "Event",
    "EventPage",
    "EventkeepError",
    "EventsRefusedError",
    "Filter",
    "ImportFailure",
    "IncludedEvent",
    "InvalidRequestError",
    "Job",
    "Metric",
    "MetricAggregates",
    "MetricProperty",
    "NotFoundError",
    "Page",
    "PartialEvent",
    "PartialMetric",
    "PermissionDeniedError",
    "PredictiveAnalytics",
    "Profile",
    "Reference",
    "ResponseError",
    "ServerError",
    "SpoolError",
    "Subscriptions",
    "Suppression",
    "ThrottledError",
    "UnexpectedResponseError",
    "configure",
    "flush",
    "identify",
    "shutdown",
    "track",
]

SEED_OPTIONS: dict[str, list[str]] = {
    "create_event": ["event_create_query_v2"],
    "bulk_create_events": ["events_bulk_create_job"],
    "get_event": ["id", "fields_event", "fields_metric", "fields_profile", "include"],
    "get_events": ["fields_event", "fields_metric", "fields_profile", "filter", "include", "page_cursor", "sort"],
    "get_event_metric": ["id", "fields_metric"],
    "get_event_profile": ["id", "additional_fields_profile", "fields_profile"],
    "get_event_relationships_metric": ["id"],
    "get_event_relationships_profile": ["id"],
}
"""The operations of the official client 9.0.0 and their arguments, without the transport's own options."""

FAMILY_OPTIONS: dict[type, dict[str, list[str]]] = {
    AsyncMetrics: {
        "get_metrics": ["fields_metric", "filter", "page_cursor"],
        "get_metric": ["id", "fields_metric"],
        "get_properties_for_metric": ["id", "additional_fields_metric_property", "fields_metric_property"],
        "get_property_ids_for_metric": ["id"],
        "get_metric_property": [
            *("id", "additional_fields_metric_property", "fields_metric", "fields_metric_property", "include"),
        ],
        "get_metric_for_metric_property": ["id", "fields_metric"],
        "get_metric_id_for_metric_property": ["id"],
        "query_metric_aggregates": ["metric_aggregate_query", "fields_metric_aggregate"],
    },
    AsyncProfiles: {
        "get_profiles": [
            *("additional_fields_profile", "fields_profile", "filter", "page_cursor", "page_size", "sort"),
        ],
        "get_profile": ["id", "additional_fields_profile", "fields_profile"],
        "create_profile": ["profile_create_query", "additional_fields_profile", "fields_profile"],
        "update_profile": ["id", "profile_partial_update_query", "additional_fields_profile", "fields_profile"],
        "create_or_update_profile": ["profile_upsert_query", "additional_fields_profile", "fields_profile"],
        "merge_profiles": ["profile_merge_query"],
        "request_profile_deletion": ["data_privacy_create_deletion_job_query"],
        "bulk_import_profiles": ["profile_import_job_create_query"],
        "get_bulk_import_profiles_jobs": [
            *("fields_profile_bulk_import_job", "filter", "page_cursor", "page_size", "sort"),
        ],
        "get_bulk_import_profiles_job": ["job_id", "fields_profile_bulk_import_job"],
        "get_profiles_for_bulk_import_profiles_job": [
            *("id", "additional_fields_profile", "fields_profile", "page_cursor", "page_size"),
        ],
        "get_profile_ids_for_bulk_import_profiles_job": ["id", "page_cursor", "page_size"],
        "get_errors_for_bulk_import_profiles_job": ["id", "fields_import_error", "page_cursor", "page_size"],
        "bulk_subscribe_profiles": ["subscription_create_job_create_query"],
        "bulk_unsubscribe_profiles": ["subscription_delete_job_create_query"],
        "bulk_suppress_profiles": ["suppression_create_job_create_query"],
        "bulk_unsuppress_profiles": ["suppression_delete_job_create_query"],
        "get_bulk_suppress_profiles_jobs": [
            *("fields_profile_suppression_bulk_create_job", "filter", "page_cursor", "sort"),
        ],
        "get_bulk_suppress_profiles_job": ["job_id", "fields_profile_suppression_bulk_create_job"],
        "get_bulk_unsuppress_profiles_jobs": [
            *("fields_profile_suppression_bulk_delete_job", "filter", "page_cursor", "sort"),
        ],
        "get_bulk_unsuppress_profiles_job": ["job_id", "fields_profile_suppression_bulk_delete_job"],
    },
    AsyncAccounts: {"get_accounts": ["fields_account"], "get_account": ["id", "fields_account"]},
}
"""The operations of the official client 25.0.0 and their arguments, without those of lists, segments, tokens, flows."""


def test_exported_names_are_these() -> None:
    assert eventkeep.__all__ == sorted(EXPORTED)
    assert set(EXPORTED) <= set(dir(eventkeep))


@pytest.mark.parametrize("name", EXPORTED)
def test_every_exported_name_is_there(name: str) -> None:
    assert getattr(eventkeep, name).__name__ == name


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        getattr(eventkeep, "Nothing")  # noqa: B009 - the type checker knows it as well


def test_every_error_of_the_client_is_exported_and_below_the_root() -> None:
    defined = [
        value
        for value in vars(errors).values()
        if inspect.isclass(value) and issubclass(value, Exception) and value.__module__ == errors.__name__
    ]
    assert {value.__name__ for value in defined} <= set(EXPORTED)
    assert all(issubclass(value, eventkeep.ClientError) for value in defined)
    assert issubclass(eventkeep.ClientError, eventkeep.EventkeepError)


@pytest.mark.parametrize(
    "kind", [*(getattr(eventkeep, name) for name in EXPORTED), Events, AsyncEvents, *FAMILY_OPTIONS]
)
def test_every_public_member_is_documented(kind: type) -> None:
    """The SDK's reference is made from the docstrings."""
    own = [each for each in getattr(kind, "__mro__", ()) if each.__module__.startswith("eventkeep")]
    members = {name: value for each in own for name, value in vars(each).items() if not name.startswith("_")}
    kinds = (property, staticmethod, classmethod, types.FunctionType)
    told = [kind, *(value for value in members.values() if isinstance(value, kinds))]
    assert [value for value in told if not inspect.getdoc(value)] == []


def test_package_itself_loads_no_client() -> None:
    code = "import sys, eventkeep; print(sorted({'httpx', 'msgspec', 'eventkeep.client'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_client_loads_nothing_of_the_server() -> None:
    server = "{'chdb', 'numpy', 'pyarrow', 'sqlalchemy', 'httptools', 'structlog'}"
    code = (
        f"import sys, eventkeep; eventkeep.Client, eventkeep.AsyncClient; print(sorted({server} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("kind", [Events, AsyncEvents])
@pytest.mark.parametrize("operation", SEED_OPTIONS)
def test_every_operation_takes_the_arguments_of_the_official_client(kind: Any, operation: str) -> None:
    for name in (operation, f"{operation}_with_http_info"):
        taken = list(inspect.signature(getattr(kind, name)).parameters)[1:]
        # Only later revisions have a size of the page, and ``metric`` is an option of our own.
        assert [option for option in taken if option not in ("metric", "page_size")] == SEED_OPTIONS[operation]


@pytest.mark.parametrize(
    ("kind", "operation"), [(kind, name) for kind, operations in FAMILY_OPTIONS.items() for name in operations]
)
def test_operations_of_other_families_take_the_arguments_of_the_official_client(kind: type, operation: str) -> None:
    assert operation in OPERATIONS
    for name in (operation, f"{operation}_with_http_info"):
        taken = list(inspect.signature(getattr(kind, name)).parameters)[1:]
        assert taken == FAMILY_OPTIONS[kind][operation]
