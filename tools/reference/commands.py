"""The page of the command line: every command, argument and option of the program."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from typer.core import TyperOption

from eventkeep.cli.app import program
from eventkeep.cli.exits import EXIT_CODES_HELP, ExitCode
from eventkeep.cli.option_sources import commands_of, options_of
from eventkeep.config import ENVIRONMENT_PREFIX
from tools.reference.markdown import code, page, table

INTRODUCTION: Final = """
`eventkeep --version` prints the version. `-h` or `--help` after any command explains it, with an example.
`eventkeep --install-completion` teaches the shell to complete commands and options.

Every option can also be given in the environment, or in the file `eventkeep.toml` in the current folder; see
[Settings](../settings.md). Tables, colours and progress bars are for terminals: if the output goes to a file or
a pipe, or if `NO_COLOR` is set, it is plain text.
"""
_EXAMPLES: Final = re.compile(r"Examples?: ?(.*)")


def commands_page() -> str:
    """Every command with its options, and the exit codes."""
    group = program()
    parts = [INTRODUCTION, "## Exit codes", EXIT_CODES, _exit_codes()]
    for names, command in sorted(commands_of(group)):
        parts += [f"## eventkeep {' '.join(names)}", *_command(names, command)]
    return page("Command line", *parts)


EXIT_CODES: Final = "They are the same for every command whose help does not say otherwise."


def exit_codes() -> dict[int, str]:
    """The program's help for each exit code."""
    told = EXIT_CODES_HELP.partition(": ")[2].rstrip(".")
    return {int(number): meaning for number, meaning in re.findall(r"(\d+) ([^,]+)(?:,|$)", told)}


def _exit_codes() -> str:
    meanings = exit_codes()
    missing = {int(code) for code in ExitCode} ^ meanings.keys()
    if missing:
        raise ValueError(f"the help of the exit codes and ExitCode differ in {sorted(missing)}")
    return table(("code", "meaning"), [(code(number), meaning) for number, meaning in meanings.items()])


def _command(names: tuple[str, ...], command: Any) -> Iterator[str]:
    yield from (paragraph.replace("\n", " ") for paragraph in (command.help or "").split("\n\n"))
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    shown = [each.metavar or each.name.upper() for each in arguments]
    usage = ["eventkeep", *names, "[OPTIONS]", *shown]
    yield f"```text\n{' '.join(usage)}\n```"
    if arguments:
        rows = [
            (code(name), _sentence(each.help), "" if each.required else _default(each))
            for name, each in zip(shown, arguments, strict=True)
        ]
        yield table(("argument", "meaning", "default"), rows)
    options = [_option(name, option) for name, option in options_of(command).items()]
    if options:
        yield table(("option", "meaning", "default", "variable"), options)
    found, told = epilog(command)
    yield from told
    if found:
        lines = "\n".join(found)
        yield f"For example:\n\n```bash\n{lines}\n```"


def epilog(command: Any) -> tuple[list[str], list[str]]:
    """The examples in the help of a command, each as one would type it, and the rest of the help."""
    examples: list[str] = []
    told: list[str] = []
    for paragraph in (command.epilog or "").strip().split("\n\n"):
        text = " ".join(paragraph.split())
        if heading := _EXAMPLES.match(text):
            examples += [heading[1]] if heading[1] else []
        elif text[:1].islower():
            # A command begins with the name of a program, a sentence with a capital.
            examples.append(text)
        elif text != EXIT_CODES_HELP:
            told.append(text)
    return examples, [text for text in told if text]


def _option(name: str, option: TyperOption) -> tuple[str, str, str, str]:
    flags = ", ".join(code(flag) for flag in (*option.opts, *option.secondary_opts))
    meaning = _sentence(option.help or "")
    if option.multiple:
        meaning += " May be given several times."
    if option.required:
        meaning += " Must be given."
    return flags, meaning, _default(option), code(f"{ENVIRONMENT_PREFIX}{name.upper()}")


def _default(option: Any) -> str:
    if isinstance(option.show_default, str):
        # A value is code, a phrase is not.
        return option.show_default if " " in option.show_default else code(option.show_default)
    if option.default in (None, False, "", ()) or callable(option.default):
        return ""
    return code(option.default)


def _sentence(text: str) -> str:
    return " ".join(text.split())
