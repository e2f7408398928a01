"""From a method and a path to an operation.

Both slash forms of a path are the same path, and repeated slashes are one: base URLs that
end in a slash make them.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final, Generic, TypeVar

from eventkeep.errors import Fault, MethodNotAllowed, NotFound
from eventkeep.protocol.admin.operations import AdminOperation
from eventkeep.protocol.operation import Operation

PARAMETER: Final = "{id}"
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
"""In the order in which ``Allow`` lists them."""
_SLASHES: Final = re.compile("/{2,}")

Routed = TypeVar("Routed", Operation, AdminOperation)


class Router(Generic[Routed]):
    """Finds operations by dictionary look-ups; nothing is matched one by one."""

    def __init__(self, operations: Collection[Routed]) -> None:
        self._plain: dict[tuple[str, str], Routed] = {
            (operation.method, path): operation
            for operation in operations
            for path in (operation.path.removesuffix("/"), operation.path.removesuffix("/") + "/")
            if PARAMETER not in path
        }
        self._routes: dict[tuple[str, ...], dict[str, Routed]] = {}
        for operation in operations:
            self._routes.setdefault(segments(operation.path), {})[operation.method] = operation

    def find(self, method: str, path: str) -> tuple[Routed, str | None]:
        """The operation and the id in the path, if it has one. HEAD finds the operation of GET.

        Raises NotFound for an unknown path, MethodNotAllowed for a known path without the method.
        """
        method = "GET" if method == "HEAD" else method
        plain = self._plain.get((method, path))
        if plain is not None:
            return plain, None
        methods, identity = self._methods(path)
        operation = methods.get(method)
        if operation is None:
            allowed = allowed_methods(methods)
            raise MethodNotAllowed(
                [Fault(f"Method {method!r} is not allowed here; allowed: {', '.join(allowed)}.")], allowed
            )
        return operation, identity

    def allowed(self, path: str) -> list[str]:
        """The methods of a path, as ``Allow`` lists them. Raises NotFound for an unknown path."""
        return allowed_methods(self._methods(path)[0])

    def _methods(self, path: str) -> tuple[dict[str, Routed], str | None]:
        parts: tuple[str, ...] = segments(path)
        methods = self._routes.get(parts)
        identity = None
        if methods is None and len(parts) > 2:
            identity = parts[2]
            methods = self._routes.get((*parts[:2], PARAMETER, *parts[3:]))
        if methods is None:
            raise path_not_found(path)
        return methods, identity


def allowed_methods(methods: Collection[str]) -> list[str]:
    """The methods, and those that follow from them."""
    more = {"OPTIONS", *(["HEAD"] if "GET" in methods else [])}
    return [method for method in METHODS if method in methods or method in more]


def with_single_slashes(path: str) -> str:
    """The path with one slash in the place of several."""
    return _SLASHES.sub("/", path) if "//" in path else path


def segments(path: str) -> tuple[str, ...]:
    """The parts of a path between slashes; one slash at its end makes no difference."""
    return tuple(path[1:].removesuffix("/").split("/"))


def path_not_found(path: str) -> NotFound:
    """The service's words for a path that it does not have."""
    return NotFound([Fault(f"The path {path} could not be found")])
