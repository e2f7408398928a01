"""The output of the reading commands: tables and details for people, JSON for programs.

On a terminal a table fits the window and long cells are cut; anywhere else it is plain
text and nothing is cut. Programs should read the output of --json.
"""

from __future__ import annotations

import datetime
import os
import sys
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final

import msgspec
import typer
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

CELL_MIN: Final = 6
"""Characters that a cell keeps, however narrow the window is."""
GAP: Final = "  "
JOINER: Final = "\N{ZERO WIDTH JOINER}"

JsonLinesOption = Annotated[bool, typer.Option("--json", help="One JSON object on a line for each.")]
JsonDocumentOption = Annotated[bool, typer.Option("--json", help="As one JSON document.")]


class Column(msgspec.Struct, frozen=True):
    """A column of a table. ``usual`` is its width before anything is known of its cells.

    One that ``can_be_cut`` gets narrower in a narrow window.
    """

    name: str
    usual: int
    can_be_cut: bool = False
    is_number: bool = False


class Output:
    """Standard output. A reader that went away, such as ``head``, ends the program without a word."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)

    @property
    def is_terminal(self) -> bool:
        return self._console.is_terminal

    @property
    def width(self) -> int | None:
        """Columns of the window, or None without one."""
        return self._console.width if self._console.is_terminal else None

    def line(self, text: str = "", style: str = "") -> None:
        """One line, which has to be free of control characters."""
        if style and self._console.is_terminal:
            with self._console.capture() as captured:
                self._console.print(Text(text, style), soft_wrap=True)
            self._write(captured.get())
        else:
            self._write(f"{text}\n")

    def json_line(self, value: object) -> None:
        """One value as JSON on a line."""
        self._write(msgspec.json.encode(value).decode() + "\n")

    def json_document(self, value: object) -> None:
        """One value as JSON, indented."""
        self._write(msgspec.json.format(msgspec.json.encode(value)).decode() + "\n")

    def flush(self) -> None:
        """Make the output so far visible to others."""
        self._write("")

    def _write(self, text: str) -> None:
        try:
            sys.stdout.write(text)
            if not text or self._console.is_terminal:
                sys.stdout.flush()
        except BrokenPipeError:
            # Nobody reads any more. The rest of the buffer has to go somewhere when the program ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit from None
        except UnicodeEncodeError:
            encoding = sys.stdout.encoding
            sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))


class Table:
    """Rows under one another, printed as they come; the first ones decide how wide the columns are."""

    def __init__(self, output: Output, columns: Sequence[Column]) -> None:
        self._output, self._columns = output, columns
        self._widths: list[int] = []

    def follow(self, rows: Iterable[Sequence[str]]) -> None:
        """Print rows, of which more come later; the head comes at once, with the usual widths."""
        if not self._widths:
            self._begin([max(column.usual, len(column.name)) for column in self._columns])
        self.rows(rows)

    def rows(self, rows: Iterable[Sequence[str]]) -> None:
        """Print some rows; their cells may hold any characters."""
        shown = [[printable(cell) for cell in row] for row in rows]
        if not self._widths and shown:
            cells = [[column.name for column in self._columns], *shown]
            self._begin([max(map(cell_len, each)) for each in zip(*cells, strict=True)])
        for row in shown:
            self._output.line(self._row(row))

    def _begin(self, natural: list[int]) -> None:
        self._widths = fitted(natural, self._columns, self._output.width)
        self._output.line(self._row([column.name for column in self._columns]), "bold")

    def _row(self, cells: Sequence[str]) -> str:
        return GAP.join(
            self._cell(cell, column, width)
            for cell, column, width in zip(cells, self._columns, self._widths, strict=True)
        ).rstrip()

    def _cell(self, cell: str, column: Column, width: int) -> str:
        missing = width - cell_len(cell)
        if missing < 0:
            is_cut = column.can_be_cut and self._output.width is not None
            return set_cell_size(cell, width - 1) + "…" if is_cut else cell
        return " " * missing + cell if column.is_number else cell + " " * missing


def fitted(natural: Sequence[int], columns: Sequence[Column], width: int | None) -> list[int]:
    """The widths of columns in a window: those that can be cut give way, the widest first."""
    widths = list(natural)
    if width is None:
        return widths
    excess = sum(widths) + len(GAP) * (len(widths) - 1) - width
    while excess > 0:
        can_give = [place for place, column in enumerate(columns) if column.can_be_cut and widths[place] > CELL_MIN]
        if not can_give:
            break
        widths[max(can_give, key=lambda place: widths[place])] -= 1
        excess -= 1
    return widths


def print_details(output: Output, details: Iterable[tuple[str, str]]) -> None:
    """Names and values beside each other; long values go on below themselves. Those without a value are left out."""
    given = [(name, printable(value)) for name, value in details if value]
    indent = max((len(name) for name, _ in given), default=0) + len(GAP)
    for name, value in given:
        for place, line in enumerate(folded(output, value, indent)):
            output.line(f"{name if place == 0 else '':<{indent}}{line}")


def folded(output: Output, text: str, indent: int) -> list[str]:
    """The text in lines that fit the window behind an indent; in one line if there is no window."""
    room = 0 if output.width is None else output.width - indent
    return textwrap.wrap(text, room, break_on_hyphens=False) if room > CELL_MIN else [text]


def print_object(output: Output, title: str, members: Any) -> None:
    """Print a JSON object under a title, indented; nothing if it is empty."""
    if members:
        output.line()
        output.line(title, "bold")
        text = msgspec.json.format(msgspec.json.encode(members), indent=2).decode()
        for line in text.splitlines():
            output.line(printable(line))


def printable(text: str) -> str:
    """The text on one line, without characters that command a terminal or change the order of reading."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each == JOINER else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    if unicodedata.category(character) == "Zs":
        return " "
    return character.encode("unicode_escape").decode()


def note(text: str) -> None:
    """A remark that belongs to no output, on standard error."""
    print(f"eventkeep: {text}", file=sys.stderr, flush=True)


def shown_time(moment: datetime.datetime | None) -> str:
    """A time to the second in UTC; "" for none. The column's name says that it is in UTC."""
    return "" if moment is None else moment.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")


def shown_bytes(count: int) -> str:
    """A number of bytes with three digits, in the units that disks are sold by."""
    size = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1_000:
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1_000
    return f"{size:,.1f} TB"


def in_utc(moment: datetime.datetime | None) -> str:
    """A time to the second that says itself that it is in UTC; "" for none."""
    return f"{shown_time(moment)} UTC" if moment else ""


def without_absent(value: Any) -> Any:
    """A result as JSON has it, without members that are None and without the bytes that it was made of.

    The properties of an event or a profile stay as they are.
    """
    if isinstance(value, tuple):
        return [without_absent(each) for each in value]
    if not isinstance(value, msgspec.Struct):
        return value
    members = {name: getattr(value, name) for name in value.__struct_fields__ if name != "raw"}
    if members.get("location"):
        members["location"] = {name: each for name, each in members["location"].items() if each is not None} or None
    return {name: without_absent(member) for name, member in members.items() if member not in (None, ())}
