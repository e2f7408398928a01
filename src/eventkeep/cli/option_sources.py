"""The sources of an option's value: the flag, or else the environment, or else eventkeep.toml, or else the default.

``with_sources`` teaches a whole program this, for any commands: an option
``--page-size`` is ``EVENTKEEP_PAGE_SIZE`` in the environment, and ``page_size`` in the
file, at the top for every command that has it, or in a table of the command's own::

    url = "https://events.shop.example"

    [import]
    concurrency = 8

    [keys.create]
    scopes = "events:write"

The innermost table wins. An option that may be given several times is a list in the
file, and has one value on a line in the environment. A relative path in the file is
relative to the file's folder. A name that no command has as an option is refused, with its place.
"""

from __future__ import annotations

import datetime
import difflib
import functools
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import typer
import typer.main
from typer.core import TyperGroup, TyperOption

from eventkeep.cli.output import note
from eventkeep.cli.settings import ConfigOption
from eventkeep.config import ENVIRONMENT_PREFIX, SettingsFile, read_file
from eventkeep.errors import ConfigurationError
from eventkeep.limits import ECHO_CHARACTERS_MAX

CONFIG: Final = "config"
KEYS_OF_URLS: Final = {"url": "api_key", "from_api": "from_api_key"}
"""Options for URLs, and those for the keys that are sent to them."""
OF_THE_SDK: Final = frozenset({"API_KEY", "URL", "REVISION"})
OF_OTHERS: Final = re.compile(r"(SERVICE|PORT)(_|$)|TEST_|PRISM$")
"""Variables that Kubernetes sets beside a service called eventkeep, and those of eventkeep's own tests."""
READS_ITS_OWN: Final = ("serve",)
"""The command that reads environment and file itself: it checks more than a type, and tells every place."""

Names = tuple[str, ...]
"""The names of a command and of the groups around it."""


def with_sources(program: TyperGroup) -> TyperGroup:
    """The program, every option of whose commands can be given in all the places.

    Each command gets ``--config`` unless it has one. Adds nothing to the program's own options.
    """
    for names, command in commands_of(program):
        for option in options_of(command).values():
            # The variables are read here, by one rule, and told by one sentence instead of in every line of help.
            option.envvar, option.show_envvar = None, False
        config = next((option for option in command.params if option.name == CONFIG), None)
        if config is None:
            config = _config_option()
            command.params.append(config)
        config.is_eager, config.envvar = True, None
        config.callback = functools.partial(_find_values, names)
    return program


def commands_of(group: TyperGroup, names: Names = ()) -> Iterator[tuple[Names, Any]]:
    """All commands inside a group with their names; a group that is a command too is among them."""
    for name, command in group.commands.items():
        own = (*names, name)
        if isinstance(command, TyperGroup):
            if command.invoke_without_command:
                yield own, command
            yield from commands_of(command, own)
        else:
            yield own, command


def options_of(command: Any) -> dict[str, TyperOption]:
    """A command's options by the names that they have in a file; ``config`` is none of them."""
    found: dict[str, TyperOption] = {}
    for option in command.params:
        if isinstance(option, TyperOption):
            name = max(option.opts, key=len).lstrip("-").replace("-", "_")
            if name != CONFIG:
                found[name] = option
    return found


def names_in_file(program: TyperGroup) -> set[str]:
    """All keys and tables that the top of a file may hold."""
    return {name for _, command in commands_of(program) for name in options_of(command)} | set(program.commands)


def check_file(file: SettingsFile, program: TyperGroup) -> None:
    """Raises ConfigurationError if the file holds a key or a table that no command has."""
    commands = dict(commands_of(program))
    may_be_tables = options_of(commands[READS_ITS_OWN]) if READS_ITS_OWN in commands else {}

    def check(table: Mapping[str, Any], names: Names, groups: TyperGroup | None) -> None:
        within = [command for own, command in commands.items() if own[: len(names)] == names]
        known = {name for command in within for name in options_of(command)}
        place = "".join(f"{name}." for name in names)
        for key, value in table.items():
            inner = None if groups is None else groups.commands.get(key)
            if inner is not None and not (key in known and not isinstance(value, Mapping)):
                if not isinstance(value, Mapping):
                    raise ConfigurationError(f"{file.path}: {place}{key}: expected a table, [{place}{key}].")
                check(value, (*names, key), inner if isinstance(inner, TyperGroup) else None)
            elif key not in known:
                raise ConfigurationError(f"{file.path}: {place}{key}: {_no_option(key, names, known)}")
            elif isinstance(value, Mapping) and not (names in ((), READS_ITS_OWN) and key in may_be_tables):
                raise ConfigurationError(f"{file.path}: {place}{key}: expected a value, got a table.")

    check(file.content, (), program)


def _no_option(key: str, names: Names, known: set[str]) -> str:
    who = f"eventkeep {' '.join(names)} has" if names else "no command has"
    missing = f"{who} no option {key!r}" if names else f"{who} an option {key!r}"
    if not known:
        return f"{missing}."
    if names:
        return f"{missing}; it has {', '.join(sorted(known))}."
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.7)
    return f"{missing}; is it {near[0]!r}?" if near else f"{missing}; eventkeep COMMAND --help lists them."


def _config_option() -> TyperOption:
    """The option ``--config``, as typer makes it of its annotation."""
    temporary = typer.Typer(add_completion=False)

    @temporary.command()
    def command(config: ConfigOption = None) -> None: ...

    option = typer.main.get_command(temporary).params[0]
    if not isinstance(option, TyperOption):
        raise TypeError(f"expected typer to make an option, got {option!r}")
    option.expose_value = False
    return option


def _find_values(names: Names, context: Any, option: Any, given: str | None) -> str | None:
    """The callback of ``--config``, which comes before all other options: finds the values from other sources."""
    warn_of_unknown_variables(context.find_root().command)
    variable = ENVIRONMENT_PREFIX + CONFIG.upper()
    named = ("--config", given) if given else (variable, os.environ[variable]) if os.environ.get(variable) else None
    file = read_file(named, Path())
    if file is not None:
        check_file(file, context.find_root().command)
    if names != READS_ITS_OWN:
        values = {name: _given(name, each, file, names) for name, each in options_of(context.command).items()}
        if named is None and file is not None:
            _guard_keys(values, file)
        # The functions in here are called only for options that were not given as flags.
        context.default_map = {
            options_of(context.command)[name].name: functools.partial(value.read, context)
            for name, value in values.items()
            if value is not None
        }
    return given


def warn_of_unknown_variables(program: TyperGroup) -> None:
    """Print a warning for each variable that no option has: a typing error would be ignored otherwise."""
    known = {name.upper() for _, command in commands_of(program) for name in options_of(command)} | {CONFIG.upper()}
    known |= OF_THE_SDK
    for variable in sorted(os.environ):
        name = variable.removeprefix(ENVIRONMENT_PREFIX)
        if name in (variable, *known) or OF_OTHERS.match(name):
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
        advice = f"; is it {ENVIRONMENT_PREFIX}{near[0]}?" if near else ""
        note(f"warning: {variable} is ignored, no command has such an option{advice}")


def _guard_keys(values: dict[str, Given | None], file: SettingsFile) -> None:
    """Refuse a URL of a file that was found in the current folder, if the key for it comes from the environment.

    Otherwise a file in a folder that somebody else made could have the key sent to any server.
    """
    for url_name, key_name in KEYS_OF_URLS.items():
        value, variable = values.get(url_name), ENVIRONMENT_PREFIX + key_name.upper()
        if value is not None and value.place.startswith(f"{file.path}: ") and os.environ.get(variable):
            values[url_name] = msgspec.structs.replace(value, key_variable=variable)


def _given(name: str, option: TyperOption, file: SettingsFile | None, names: Names) -> Given | None:
    """Return an option's value in the environment, or else in the file."""
    variable = ENVIRONMENT_PREFIX + name.upper()
    if written := os.environ.get(variable):
        return Given(option, variable, written.strip().splitlines() if option.multiple else written, Path())
    if file is None:
        return None
    found: Given | None = None
    table: Any = file.content
    for depth in range(len(names) + 1):
        if name in table and not isinstance(table[name], Mapping):
            place = ".".join((*names[:depth], name))
            found = Given(option, f"{file.path}: {place}", table[name], file.path.parent)
        table = table.get(names[depth], {}) if depth < len(names) else {}
    return found


def _is_local(url: str) -> bool:
    try:
        return urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")
    except ValueError:
        return False


class Given(msgspec.Struct, frozen=True):
    """A value for an option, with its place; relative paths are relative to the folder."""

    option: TyperOption
    place: str
    value: Any
    folder: Path
    key_variable: str | None = None
    """For a URL: the variable of the key that must not be sent to it, unless it is on this machine."""

    def read(self, context: Any) -> Any:
        """Return the value as the command line has it. Raises ConfigurationError for one that the option can't have."""
        if self.key_variable is not None and not _is_local(str(self.value)):
            raise ConfigurationError(
                f"{self.place}: the file was found in the current folder, and the key in {self.key_variable} is not "
                f"sent to the URL of such a file ({str(self.value)[:ECHO_CHARACTERS_MAX]!r}). If you trust the file, "
                f"name it with --config {self.place.partition(': ')[0]}; else give the URL as an option or a variable."
            )
        if isinstance(self.value, list) != self.option.multiple:
            raise self._refused("a list" if self.option.multiple else "one value")
        if self.option.multiple:
            return [self._read(each, context) for each in self.value]
        return self._read(self.value, context)

    def _read(self, value: Any, context: Any) -> Any:
        if isinstance(value, bool) != self.option.is_flag and not isinstance(value, str):
            raise self._refused("true or false" if self.option.is_flag else "text or a number")
        if isinstance(value, datetime.date | datetime.time):
            value = value.isoformat()
        if isinstance(value, list):
            raise self._refused("text or a number")
        text = value if isinstance(value, bool) else str(value)
        try:
            typed = self.option.process_value(context, [text] if self.option.multiple else text)
        except typer.BadParameter as exc:
            raise ConfigurationError(f"{self.place}: {exc.message}") from exc
        return str(self.folder / typed) if isinstance(typed, Path) else text

    def _refused(self, expected: str) -> ConfigurationError:
        return ConfigurationError(f"{self.place}: expected {expected}, got {str(self.value)[:ECHO_CHARACTERS_MAX]!r}.")
