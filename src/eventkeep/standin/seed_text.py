"""Seeds as text: the formats in which a seed file is read, written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

import msgspec

from eventkeep.errors import ConfigurationError

Format = Literal["json", "toml", "yaml"]
FORMATS: Final[dict[str, Format]] = {".json": "json", ".toml": "toml", ".yaml": "yaml", ".yml": "yaml"}
"""The formats by the ending of a file's name."""

_json = msgspec.json.encode


def seed_text(accounts: list[dict[str, Any]], format: Format) -> str:
    """A seed with these accounts. Raises ConfigurationError if the format can't say one of the values."""
    seed = {"accounts": accounts}
    if format == "json":
        return msgspec.json.format(_json(seed)).decode() + "\n"
    if format == "toml":
        return "".join(f"{line}\n" for line in toml_lines(accounts))
    try:
        return msgspec.yaml.encode(seed).decode()
    except ImportError as exc:
        raise ConfigurationError("YAML needs the package PyYAML; install it, or use TOML or JSON.") from exc


def toml_lines(accounts: list[dict[str, Any]]) -> Iterator[str]:
    """The lines of a seed in TOML: a table for each account, each profile and each event."""
    for account in accounts:
        tables = {
            name: value
            for name, value in account.items()
            if isinstance(value, list) and value and all(isinstance(each, dict) for each in value)
        }
        yield from toml_table("accounts", {name: value for name, value in account.items() if name not in tables})
        for name, listed in tables.items():
            for each in listed:
                yield from toml_table(f"accounts.{name}", each)


def toml_table(name: str, table: Mapping[str, Any]) -> Iterator[str]:
    """One table of an array of tables."""
    yield f"[[{name}]]"
    for member, value in table.items():
        yield f"{toml_key(member)} = {toml_value(value, f'{name}.{member}')}"
    yield ""


def toml_value(value: Any, place: str) -> str:
    """A value on one line. Raises ConfigurationError for null, which TOML does not have."""
    if value is None:
        raise ConfigurationError(f"{place} is null, which TOML can't say; use JSON or YAML.")
    if isinstance(value, Mapping):
        members = [f"{toml_key(name)} = {toml_value(each, f'{place}.{name}')}" for name, each in value.items()]
        return "{ " + ", ".join(members) + " }" if members else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(toml_value(each, place) for each in value) + "]"
    # Texts, numbers and booleans are written as in JSON, but for one character.
    return _json(value).decode().replace("\x7f", "\\u007f")


def toml_key(name: str) -> str:
    """A key, bare if it can be."""
    is_bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if is_bare else _json(name).decode().replace("\x7f", "\\u007f")
