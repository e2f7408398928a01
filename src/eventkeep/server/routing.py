"""From a method and a path to an operation. Both slash forms of a path are the same path."""

from __future__ import annotations

from collections.abc import Collection
from typing import Generic, TypeVar

from eventkeep.errors import Fault, MethodNotAllowed, NotFound
from eventkeep.protocol.admin.operations import AdminOperation
from eventkeep.protocol.operations import Operation

PARAMETER = "{id}"

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
        """The operation and the id in the path, if it has one.

        Raises NotFound for an unknown path, MethodNotAllowed for a known path without the method.
        """
        plain = self._plain.get((method, path))
        if plain is not None:
            return plain, None
        parts: tuple[str, ...] = segments(path)
        methods = self._routes.get(parts)
        identity = None
        if methods is None and len(parts) > 2:
            identity = parts[2]
            methods = self._routes.get((*parts[:2], PARAMETER, *parts[3:]))
        if methods is None:
            raise path_not_found(path)
        operation = methods.get(method)
        if operation is None:
            allowed = sorted(methods)
            raise MethodNotAllowed(
                [Fault(f"Method {method!r} is not allowed here; allowed: {', '.join(allowed)}.")], allowed
            )
        return operation, identity


def segments(path: str) -> tuple[str, ...]:
    """The parts of a path between slashes; one slash at its end makes no difference."""
    return tuple(path[1:].removesuffix("/").split("/"))


def path_not_found(path: str) -> NotFound:
    """The service's words for a path that it does not have."""
    return NotFound([Fault(f"The path {path} could not be found")])
