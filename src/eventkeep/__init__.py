"""eventkeep: an event store that you run yourself and that speaks the Klaviyo Events API.

The SDK's names stand here; they are loaded when they are first used, so that the server
does not load a client.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from eventkeep.client.account_results import Account
    from eventkeep.client.asynchronous.batch import AsyncBatch
    from eventkeep.client.asynchronous.client import AsyncClient
    from eventkeep.client.batch_settings import BatchCounts
    from eventkeep.client.customer_results import Channel, Consent, PredictiveAnalytics, Subscriptions, Suppression
    from eventkeep.client.default_client import configure, flush, identify, shutdown, track
    from eventkeep.client.drafts import BatchedEvent
    from eventkeep.client.errors import (
        ArgumentError,
        AuthenticationError,
        BatchError,
        BufferFullError,
        ClientError,
        ClosedError,
        ConnectionFailedError,
        ErrorObject,
        EventsRefusedError,
        InvalidRequestError,
        NotFoundError,
        PermissionDeniedError,
        ResponseError,
        ServerError,
        SpoolError,
        ThrottledError,
        UnexpectedResponseError,
    )
    from eventkeep.client.metric_results import AggregateRow, MetricAggregates, MetricProperty
    from eventkeep.client.pages import Page
    from eventkeep.client.profile_results import ImportFailure, Job
    from eventkeep.client.results import (
        ApiResponse,
        Attribution,
        Created,
        Event,
        EventPage,
        IncludedEvent,
        Metric,
        PartialEvent,
        PartialMetric,
        Profile,
        Reference,
    )
    from eventkeep.client.synchronous.batch import Batch
    from eventkeep.client.synchronous.client import Client
    from eventkeep.errors import ConfigurationError, EventkeepError
    from eventkeep.protocol.filters import Condition, Filter

__all__ = [
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

_PLACES: Final = {
    "eventkeep.client.account_results": ("Account",),
    "eventkeep.client.asynchronous.batch": ("AsyncBatch",),
    "eventkeep.client.asynchronous.client": ("AsyncClient",),
    "eventkeep.client.batch_settings": ("BatchCounts",),
    "eventkeep.client.customer_results": (
        *("Channel", "Consent", "PredictiveAnalytics", "Subscriptions", "Suppression"),
    ),
    "eventkeep.client.default_client": ("configure", "flush", "identify", "shutdown", "track"),
    "eventkeep.client.drafts": ("BatchedEvent",),
    "eventkeep.client.metric_results": ("AggregateRow", "MetricAggregates", "MetricProperty"),
    "eventkeep.client.pages": ("Page",),
    "eventkeep.client.profile_results": ("ImportFailure", "Job"),
    "eventkeep.client.results": (
        *("ApiResponse", "Attribution", "Created", "Event", "EventPage", "IncludedEvent"),
        *("Metric", "PartialEvent", "PartialMetric", "Profile", "Reference"),
    ),
    "eventkeep.client.synchronous.batch": ("Batch",),
    "eventkeep.client.synchronous.client": ("Client",),
    "eventkeep.errors": ("ConfigurationError", "EventkeepError"),
    "eventkeep.protocol.filters": ("Condition", "Filter"),
}
_MODULES: Final = {name: module for module, names in _PLACES.items() for name in names}

__version__: str
"""The version of the installed distribution."""

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            return version("eventkeep")
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(_MODULES.get(name, "eventkeep.client.errors")), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
