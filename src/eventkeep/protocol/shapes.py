"""Checks parsed JSON against the types that bodies are decoded into: every fault, with its place.

The types give the members and their values; ``Has`` leaves out those that a
revision lacks. The same types make the schemas of the OpenAPI document.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar, get_origin

import msgspec
from msgspec import inspect

from eventkeep.errors import InvalidRequest
from eventkeep.limits import FAULTS_MAX
from eventkeep.protocol.json_values import (
    Faults,
    below,
    check_json,
    check_number,
    check_object,
    check_text,
    parse,
    shown,
)

Has = Callable[[type, str], bool]
"""Whether the revision has the member (by its name on the wire) of a type."""

Body = TypeVar("Body")

_JSON_KINDS: Final[Mapping[type[inspect.Type], tuple[type, ...]]] = {
    inspect.StrType: (str,),
    inspect.LiteralType: (str,),
    inspect.BoolType: (bool,),
    inspect.IntType: (int, float),
    inspect.FloatType: (int, float),
    inspect.ListType: (list,),
    inspect.DictType: (dict,),
    inspect.StructType: (dict,),
}
_NAMES: Final[Mapping[type[inspect.Type], str]] = {
    inspect.StrType: "a string",
    inspect.LiteralType: "a string",
    inspect.BoolType: "true or false",
    inspect.IntType: "a number",
    inspect.FloatType: "a number",
    inspect.ListType: "an array",
    inspect.DictType: "an object",
    inspect.StructType: "an object",
}


def parse_body(
    body: bytes,
    kind: type[Body],
    has: Has,
    check: Callable[[Any, Faults], None],
    *,
    prepare: Callable[[Any], None] = lambda _: None,
) -> Body:
    """The body as a value of ``kind``, a struct.

    ``prepare`` may change the parsed JSON before it is checked. ``check`` is called with it if its
    shape is right, and adds all other faults.
    Raises InvalidRequest with every fault, up to FAULTS_MAX.
    """
    faults = Faults()
    value = parse(body, faults)
    if not faults.found:
        prepare(value)
        check_shape(value, kind, "", faults, has)
    if not faults.found:
        check(value, faults)
    if faults.found:
        raise InvalidRequest(faults.found[:FAULTS_MAX])
    return msgspec.convert(value, kind)


def check_shape(value: Any, kind: type, pointer: str, faults: Faults, has: Has) -> None:
    """Add a fault for everything in the value that is not as the type says."""
    _Check(faults, has).value(value, _described(kind), pointer)


@functools.cache
def _described(kind: type) -> inspect.Type:
    return inspect.type_info(kind)


class _Check:
    def __init__(self, faults: Faults, has: Has) -> None:
        self._faults, self._has = faults, has

    def value(self, value: Any, described: inspect.Type, pointer: str) -> None:
        match described:
            case inspect.StructType():
                self._struct(value, described, pointer)
            case inspect.UnionType():
                self._union(value, described, pointer)
            case inspect.StrType():
                check_text(value, pointer, self._faults, described.min_length or 0, described.max_length)
            case inspect.LiteralType():
                self._literal(value, described, pointer)
            case inspect.ListType():
                self._list(value, described, pointer)
            case inspect.DictType():
                if isinstance(value, dict):
                    check_json(value, pointer, self._faults)
                else:
                    self._wrong(value, described, pointer)
            case inspect.BoolType():
                if not isinstance(value, bool):
                    self._wrong(value, described, pointer)
            case inspect.IntType() | inspect.FloatType():
                check_number(value, pointer, self._faults)
            case _:
                raise TypeError(f"no check for {described}")

    def _struct(self, value: Any, described: inspect.StructType, pointer: str) -> None:
        kind = get_origin(described.cls) or described.cls
        fields = {field.encode_name: field for field in described.fields if self._has(kind, field.encode_name)}
        required = [name for name, field in fields.items() if field.required]
        members = check_object(value, pointer, self._faults, required, fields)
        if members is None:
            return
        named = fields.get("type")
        if named is not None and isinstance(named.type, inspect.LiteralType) and "type" in members:
            # A resource of another type has other attributes.
            before = len(self._faults.found)
            self._literal(members["type"], named.type, below(pointer, "type"))
            if len(self._faults.found) > before:
                return
        for name, member in members.items():
            if self._faults.full:
                return
            if name != "type":
                self.value(member, fields[name].type, below(pointer, name))

    def _union(self, value: Any, described: inspect.UnionType, pointer: str) -> None:
        if value is None and described.includes_none:
            return
        alternatives = [each for each in described.types if not isinstance(each, inspect.NoneType)]
        if len(alternatives) == 1:
            self.value(value, alternatives[0], pointer)
            return
        for each in alternatives:
            kinds = _JSON_KINDS[type(each)]
            if isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool)):
                self.value(value, each, pointer)
                return
        expected = " or ".join(dict.fromkeys(_NAMES[type(each)] for each in alternatives))
        self._faults.add(pointer, f"Expected {expected}, got {shown(value)}.")

    def _literal(self, value: Any, described: inspect.LiteralType, pointer: str) -> None:
        if value not in described.values or not isinstance(value, str):
            expected = " or ".join(repr(each) for each in described.values)
            self._faults.add(pointer, f"Expected the string {expected}, got {shown(value)}.")

    def _list(self, value: Any, described: inspect.ListType, pointer: str) -> None:
        if not isinstance(value, list):
            self._wrong(value, described, pointer)
        elif described.min_length and len(value) < described.min_length:
            self._faults.add(pointer, "Expected an array with at least one element, got an empty one.")
        elif described.max_length is not None and len(value) > described.max_length:
            most = described.max_length
            self._faults.add(pointer, f"Expected an array of at most {most} elements, got {len(value)}.")
        else:
            for place, element in enumerate(value):
                if self._faults.full:
                    return
                self.value(element, described.item_type, below(pointer, place))

    def _wrong(self, value: Any, described: inspect.Type, pointer: str) -> None:
        self._faults.add(pointer, f"Expected {_NAMES[type(described)]}, got {shown(value)}.")
