"""Options of every command, given as flags, in the environment, or in eventkeep.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
import typer.main
from typer.core import TyperGroup

from eventkeep.cli.app import program
from eventkeep.cli.option_sources import commands_of, names_in_file, options_of, with_sources
from eventkeep.errors import ConfigurationError


class Shop:
    """A program with a command, a group of two, and the group's own command; it records the values of their options."""

    def __init__(self) -> None:
        self.given: dict[str, Any] = {}
        app, tills = typer.Typer(), typer.Typer()

        @app.command()
        def load(
            file: Annotated[str, typer.Argument()] = "-",
            url: str = "here",
            at_once: Annotated[int, typer.Option(min=1, max=64)] = 4,
            field: Annotated[list[str] | None, typer.Option()] = None,
            mapping: Path | None = None,
            format_: Annotated[str, typer.Option("--format", "-f")] = "csv",
            is_loud: Annotated[bool, typer.Option("--loud/--no-loud")] = False,
        ) -> None:
            self.given = {k: v for k, v in locals().items() if k != "self"}

        @tills.callback(invoke_without_command=True)
        def tills_(context: typer.Context, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
            if context.invoked_subcommand is None:
                self.given = {"as_json": as_json}

        @tills.command("open")
        def open_(url: str = "here", label: str = "") -> None:
            self.given = {"url": url, "label": label}

        app.add_typer(tills, name="tills")
        group = typer.main.get_command(app)
        assert isinstance(group, TyperGroup)
        self.program = with_sources(group)

    def run(self, *arguments: str) -> dict[str, Any]:
        self.program.main(list(arguments), standalone_mode=False)
        return self.given


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.chdir(tmp_path)
    return Shop()


def write(text: str, name: str = "eventkeep.toml") -> None:
    Path(name).write_text(text, encoding="utf-8")


def test_flag_beats_environment_beats_command_s_table_beats_top_beats_default(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shop.run("load")["at_once"] == 4
    write("at_once = 5")
    assert shop.run("load")["at_once"] == 5
    write("at_once = 5\n[load]\nat_once = 6")
    assert shop.run("load")["at_once"] == 6
    monkeypatch.setenv("EVENTKEEP_AT_ONCE", "7")
    assert shop.run("load")["at_once"] == 7
    assert shop.run("load", "--at-once", "8")["at_once"] == 8
    monkeypatch.setenv("EVENTKEEP_AT_ONCE", "")
    assert shop.run("load")["at_once"] == 6


def test_every_kind_of_option_can_stand_in_the_file(shop: Shop) -> None:
    write("""
        url = "there"
        [load]
        field = ["metric=Placed Order", "value=1"]
        mapping = "maps/orders.toml"
        format = "jsonl"
        loud = true
    """)
    given = shop.run("load")
    assert given["url"] == "there"
    assert given["field"] == ["metric=Placed Order", "value=1"]
    assert (given["format_"], given["is_loud"]) == ("jsonl", True)


def test_every_kind_of_option_can_stand_in_the_environment(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENTKEEP_FIELD", "metric=Placed Order\nvalue=1")
    monkeypatch.setenv("EVENTKEEP_FORMAT", "jsonl")
    monkeypatch.setenv("EVENTKEEP_LOUD", "1")
    monkeypatch.setenv("EVENTKEEP_MAPPING", "maps/orders.toml")
    given = shop.run("load")
    assert given["field"] == ["metric=Placed Order", "value=1"]
    assert (given["format_"], given["is_loud"]) == ("jsonl", True)
    assert given["mapping"] == Path("maps/orders.toml")
    assert shop.run("load", "--no-loud", "--field", "a=b")["is_loud"] is False


def test_file_can_be_named_and_its_paths_are_relative_to_it(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "etc").mkdir()
    write('mapping = "orders.toml"', "etc/settings.toml")
    write('mapping = "other.toml"')
    assert shop.run("load", "--config", "etc/settings.toml")["mapping"] == Path("etc/orders.toml")
    assert shop.run("load")["mapping"] == Path("other.toml")
    monkeypatch.setenv("EVENTKEEP_CONFIG", "etc/settings.toml")
    assert shop.run("load")["mapping"] == Path("etc/orders.toml")


def test_tables_of_groups_hold_for_their_commands(shop: Shop) -> None:
    write('url = "top"\n[tills]\njson = true\nlabel = "outer"\nurl = "group"\n[tills.open]\nlabel = "inner"')
    assert shop.run("tills") == {"as_json": True}
    assert shop.run("tills", "open") == {"url": "group", "label": "inner"}
    assert shop.run("load")["url"] == "top"


REFUSED = [
    ("colour = 'red'", "eventkeep.toml: colour: no command has an option 'colour'; eventkeep COMMAND --help"),
    ("mappin = 'a'", "no command has an option 'mappin'; is it 'mapping'?"),
    ("config = 'a'", "eventkeep.toml: config: no command has"),
    ("[load]\nlabel = ''", "load.label: eventkeep load has no option 'label'; it has at_once, field, format"),
    ("[tills.open]\njson = true", "tills.open.json: eventkeep tills open has no option 'json'; it has label, url"),
    ("[tills.shut]\nlabel = ''", "tills.shut: eventkeep tills has no option 'shut'"),
    ("[loud.er]\na = 1", "loud: expected a value, got a table"),
    ("load = 5", r"load: expected a table, \[load\]"),
    ("at_once = 'many'", "eventkeep.toml: at_once: "),
    ("at_once = 65", "eventkeep.toml: at_once: "),
    ("at_once = 1.5", "eventkeep.toml: at_once: "),
    ("at_once = true", "at_once: expected text or a number, got 'True'"),
    ("loud = 1", "loud: expected true or false, got '1'"),
    ("field = 'a=b'", "field: expected a list, got 'a=b'"),
    ("url = ['a']", "url: expected one value, got"),
    ("field = [['a']]", "field: expected text or a number, got"),
    ("url = {}", "url: expected a value, got a table"),
    ("url = 1 2", "eventkeep.toml is not TOML"),
]


@pytest.mark.parametrize(("text", "told"), REFUSED)
def test_invalid_values_are_refused_with_their_place(shop: Shop, text: str, told: str) -> None:
    write(text)
    with pytest.raises(ConfigurationError, match=told):
        shop.run("load")
    assert shop.given == {}


def test_wrong_variable_is_named_unless_a_flag_overrules_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENTKEEP_AT_ONCE", "many")
    with pytest.raises(ConfigurationError, match="EVENTKEEP_AT_ONCE: "):
        shop.run("load")
    assert shop.run("load", "--at-once", "8")["at_once"] == 8


def test_dates_without_quotes_are_text(shop: Shop) -> None:
    write("url = 2024-06-15")
    assert shop.run("load")["url"] == "2024-06-15"


def test_named_file_must_be_there(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match=r"--config: there is no file nowhere\.toml"):
        shop.run("load", "--config", "nowhere.toml")
    monkeypatch.setenv("EVENTKEEP_CONFIG", "nowhere.toml")
    with pytest.raises(ConfigurationError, match="EVENTKEEP_CONFIG: there is no file"):
        shop.run("tills")


def test_real_program_takes_every_option_of_every_command_from_every_source() -> None:
    commands = dict(commands_of(program()))
    assert {("serve",), ("import",), ("keys", "create"), ("revisions",), ("revisions", "diff")} <= commands.keys()
    for names, command in commands.items():
        assert [option.name for option in command.params].count("config") == 1, names
        assert options_of(command).keys() <= names_in_file(program())


@pytest.mark.parametrize(
    ("url", "is_refused"),
    [("https://elsewhere.example", True), ("http://localhost:8340", False), ("http://[::1]", False)],
)
def test_file_in_the_current_folder_can_not_send_the_key_of_the_environment_elsewhere(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, url: str, is_refused: bool
) -> None:
    write(f'url = "{url}"')
    assert shop.run("load")["url"] == url
    monkeypatch.setenv("EVENTKEEP_API_KEY", "pk_secret")
    if is_refused:
        with pytest.raises(ConfigurationError, match="the key in EVENTKEEP_API_KEY is not sent to the URL") as refused:
            shop.run("load")
        assert "pk_secret" not in str(refused.value)
    assert shop.run("load", "--config", "eventkeep.toml")["url"] == url
    assert shop.run("load", "--url", "http://other")["url"] == "http://other"
    monkeypatch.setenv("EVENTKEEP_URL", "http://other")
    assert shop.run("load")["url"] == "http://other"


def test_variable_that_no_option_has_is_reported(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("EVENTKEEP_AT_ONCE", "EVENTKEEP_SERVICE_HOST", "EVENTKEEP_PORT_8340_TCP", "EVENTKEEP_URL"):
        monkeypatch.setenv(name, "7")
    shop.run("load")
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("EVENTKEEP_AT_ONEC", "7")
    shop.run("load")
    warning = (
        "eventkeep: warning: EVENTKEEP_AT_ONEC is ignored, no command has such an option; is it EVENTKEEP_AT_ONCE?"
    )
    assert capsys.readouterr().err == f"{warning}\n"
