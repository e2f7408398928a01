"""A call of an operation: the request, whether it may be repeated, and how its response is read."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote, urlencode

import httpx
import msgspec

from eventkeep.client.encoding import encoded
from eventkeep.client.errors import ArgumentError
from eventkeep.client.json_api import cursor_in
from eventkeep.protocol.filters import Filter
from eventkeep.protocol.operations import OPERATIONS, Operation

Names = Iterable[str] | str | None
"""A list of names; text is one name, or several joined by commas."""

Result = TypeVar("Result")
Method = TypeVar("Method", bound=Callable[..., object])

ACCEPTED: Final = (202,)
OK: Final = (200,)


class Call(msgspec.Struct, Generic[Result], frozen=True, kw_only=True):
    """One call of an operation.

    ``target`` is the path with its query; ``body`` None means no body; ``statuses`` are those
    of success. ``is_repeatable`` says that the call may be sent again even if the server
    may have handled it already.
    """

    method: str
    target: str
    read: Callable[[httpx.Response], Result]
    body: bytes | None = None
    statuses: tuple[int, ...] = OK
    is_repeatable: bool = True


def read_call(
    name: str,
    id: str | None,
    parameters: Mapping[str, str | None],
    read: Callable[[httpx.Response], Result],
    *,
    of: str = "an event",
) -> Call[Result]:
    """Return a call without a body. Raises ArgumentError for an ``id`` that can't be that of ``of``."""
    operation = OPERATIONS[name]
    return Call(method=operation.method, target=_target(operation, id, parameters, of), read=read)


def body_call(
    name: str,
    body: object,
    options: Mapping[str, object],
    read: Callable[[httpx.Response], Result],
    *,
    argument: str,
    id: str | None = None,
    of: str = "a profile",
    is_repeatable: bool = True,
) -> Call[Result]:
    """Return a call with a body, which was given as ``argument``. Raises ArgumentError."""
    operation = OPERATIONS[name]
    statuses = (*operation.statuses.first, *(each for _, later in operation.statuses.later for each in later))
    return Call(
        method=operation.method,
        target=_target(operation, id, parameters_of(name, options), of),
        read=read,
        body=encoded(argument, body),
        statuses=statuses,
        is_repeatable=is_repeatable,
    )


def parameters_of(name: str, options: Mapping[str, object]) -> dict[str, str | None]:
    """Return the options of a method as parameters of its operation.

    ``fields_metric_property`` is ``fields[metric-property]``, ``page_size`` ``page[size]``. Raises TypeError for
    an option that the operation does not have, and ArgumentError for a value of another type.
    """
    known = {parameter.name for parameter in OPERATIONS[name].parameters}
    parameters: dict[str, str | None] = {}
    for option, value in options.items():
        parameter = _parameter(option)
        if parameter not in known:
            raise TypeError(f"{name}() got an unexpected keyword argument {option!r}")
        parameters[parameter] = _value(option, value)
    return parameters


def with_options_of(call: Callable[..., object], *more: str) -> Callable[[Method], Method]:
    """Give a method that takes ``**options`` the signature of the call that it passes them to, for ``help``.

    ``more`` are options that the method takes itself.
    """
    own = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in more]
    parameters = [*inspect.signature(call).parameters.values(), *own]
    return lambda method: _signed(method, parameters)


def with_options(options: type) -> Callable[[Method], Method]:
    """Give a method that takes ``**options`` the signature that their TypedDict describes, for ``help``."""
    named = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None)
        for name in sorted(name for each in options.__mro__ for name in getattr(each, "__annotations__", ()))
    ]

    def signed(method: Method) -> Method:
        own = list(inspect.signature(method).parameters.values())
        kept = [each for each in own[1:] if each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
        return _signed(method, [*kept, *named])

    return signed


def _signed(method: Method, parameters: list[inspect.Parameter]) -> Method:
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    method.__signature__ = inspect.Signature([own, *parameters])  # type: ignore[attr-defined]
    return method


def joined(name: str, names: Names) -> str | None:
    """Return a list of names as the API has it. Raises ArgumentError."""
    if names is None or isinstance(names, str):
        return names
    required(name, "a list of names", names, (Iterable,))
    listed = list(names)
    if not all(isinstance(each, str) for each in listed):
        raise ArgumentError(f"{name}: expected a list of names, got {listed!r}")
    return ",".join(listed)


def text(name: str, value: str | None) -> str | None:
    """Return the value if it is text or None. Raises ArgumentError."""
    required(name, "text", value, (str,))
    return value


def required(name: str, expected: str, value: object, kinds: tuple[type, ...]) -> None:
    """Raise ArgumentError for a value that is neither None nor of one of the kinds."""
    if value is not None and not isinstance(value, kinds):
        raise ArgumentError(f"{name}: expected {expected}, got {type(value).__name__}")


def _target(operation: Operation, id: str | None, parameters: Mapping[str, str | None], of: str) -> str:
    path = operation.path
    if "{id}" in path:
        required(operation.name, f"the id of {of}", id, (str,))
        # Ids are letters and digits. These characters would lead to another path, even if they are encoded.
        if not id or "/" in id or id in (".", ".."):
            raise ArgumentError(f"{operation.name}: expected the id of {of}, got {id!r}")
        path = path.replace("{id}", quote(id, safe=""))
    query = urlencode({key: value for key, value in parameters.items() if value is not None})
    return f"{path}?{query}" if query else path


def _parameter(option: str) -> str:
    for prefix in ("additional_fields", "fields", "page"):
        if option.startswith(f"{prefix}_"):
            return f"{prefix}[{option.removeprefix(f'{prefix}_')}]".replace("_", "-")
    return option


def _value(option: str, value: Any) -> str | None:
    if option == "filter":
        required(option, "a Filter or text", value, (Filter, str))
        return None if value is None else str(value)
    if option == "page_size":
        required(option, "a number", value, (int,))
        return None if value is None else str(value)
    if option == "page_cursor":
        return cursor_in(text(option, value))
    return text(option, value) if option == "sort" else joined(option, value)
