"""``eventkeep predictions``: fit the models behind predictive analytics, and show how well they fit."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
import typer

from eventkeep.cli.keys import DEFAULT_ACCOUNT, check_exists, named
from eventkeep.cli.moments import MOMENT_HELP, parse_moment
from eventkeep.cli.settings import AccountOption, ConfigOption, DataOption, data_folder
from eventkeep.errors import ConfigurationError
from eventkeep.limits import ECHO_CHARACTERS_MAX, PREDICTIONS_FIT_SECONDS_MAX

if TYPE_CHECKING:
    # They need numpy, which takes longer to load than most commands take.
    from eventkeep.model.prediction_settings import LastFit
    from eventkeep.model.predictions.tracking import Tracking

MODELS: Final = {"mbg-nbd": True, "bg-nbd": False}
"""The models of purchases; whether a customer can leave after the first one."""
WEEK_DAYS: Final = 7

predictions = typer.Typer(no_args_is_help=True, help="Predict the orders of customers: fit, and show how well it fits.")


@predictions.command(epilog="Example: eventkeep predictions fit --account default --until 2026-06-30")
def fit(
    data: DataOption = None,
    config: ConfigOption = None,
    account: AccountOption = DEFAULT_ACCOUNT,
    until: Annotated[
        str | None, typer.Option(help=f"The end of the orders to fit to: {MOMENT_HELP} ago.", show_default="now")
    ] = None,
    model: Annotated[
        str, typer.Option(metavar="mbg-nbd|bg-nbd", help="Whether a customer can leave after the first order.")
    ] = "mbg-nbd",
) -> None:
    """Fit now, through the server if one runs. A date stands for its whole day."""
    if model not in MODELS:
        raise ConfigurationError(f"--model: expected mbg-nbd or bg-nbd, got {model[:ECHO_CHARACTERS_MAX]!r}")
    folder = data_folder(data, config)
    check_exists(folder)
    from eventkeep.server.control import FIT_PREDICTIONS, ControlRequest, FitOptions
    from eventkeep.server.folder_changes import change_folder

    options = FitOptions(until=None if until is None else parse_end(until), leaves_at_once=MODELS[model])
    response = change_folder(folder, ControlRequest(FIT_PREDICTIONS, account, fit=options), PREDICTIONS_FIT_SECONDS_MAX)
    if response.fit is None:
        raise ConfigurationError(f"nothing fits the orders of {account!r}: nobody has ordered twice")
    print_fit(response.fit)


@predictions.command(epilog="Example: eventkeep predictions show --plot tracking.svg")
def show(
    data: DataOption = None,
    config: ConfigOption = None,
    account: AccountOption = DEFAULT_ACCOUNT,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.svg", help="Draw expected and actual orders per week, as an SVG.", show_default="none"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show the last fit: its parameters, and its forecast of orders that it had not seen."""
    folder = data_folder(data, config)
    check_exists(folder)
    from eventkeep.directory.reader import DirectoryReader
    from eventkeep.model.prediction_settings import FIT_SETTING, TRACKING_SETTING, read_fit, read_tracking
    from eventkeep.model.predictions.plot import tracking_plot

    with DirectoryReader(folder) as directory:
        number = named(account, directory.accounts.list()).number
        last = read_fit(directory.account_settings.get(number, FIT_SETTING))
        tracking = read_tracking(directory.account_settings.get(number, TRACKING_SETTING))
    if last is None:
        raise ConfigurationError(f"the account {account!r} has no fit yet; eventkeep predictions fit makes one")
    if plot is not None:
        if tracking is None or not tracking.weeks:
            raise ConfigurationError("there is nothing to draw: the history has no whole week")
        try:
            plot.write_text(tracking_plot(tracking), encoding="utf-8")
        except OSError as exc:
            raise ConfigurationError(f"--plot: {plot} can't be written: {exc.strerror}") from exc
    if as_json:
        shown: dict[str, Any] = {"fit": msgspec.to_builtins(last), "tracking": msgspec.to_builtins(tracking)}
        print(msgspec.json.encode(shown).decode())
        return
    print_fit(last)
    if tracking is not None:
        print_tracking(tracking)


@predictions.command("set", epilog='Example: eventkeep predictions set --orders "Ordered Product" --returns ""')
def set_(
    data: DataOption = None,
    config: ConfigOption = None,
    account: AccountOption = DEFAULT_ACCOUNT,
    orders: Annotated[str | None, typer.Option(help="The metric of orders.")] = None,
    returns: Annotated[
        str | None, typer.Option(help="The metrics of refunds and cancellations, with commas between.")
    ] = None,
) -> None:
    """Choose the metrics that historic values and predictions are made of."""
    if orders is None and returns is None:
        raise ConfigurationError("expected --orders or --returns")
    folder = data_folder(data, config)
    check_exists(folder)
    from eventkeep.model.prediction_settings import PredictionsChange
    from eventkeep.server.control import CHANGE_PREDICTIONS, ControlRequest
    from eventkeep.server.folder_changes import change_folder

    names = None if returns is None else tuple(name.strip() for name in returns.split(",") if name.strip())
    change = PredictionsChange(orders=orders, returns=names)
    change_folder(folder, ControlRequest(CHANGE_PREDICTIONS, account, predictions=change))
    print(f"changed  predictions of {account}")


def parse_end(text: str) -> int:
    """The last second of a moment, or of a day. Raises ConfigurationError."""
    moment = parse_moment("--until", text, datetime.datetime.now(datetime.UTC))
    assert moment is not None
    is_day = len(text) == len("2026-06-30") and "T" not in text
    return int(moment.timestamp()) + (86_400 - 1 if is_day else 0)


def print_fit(last: LastFit) -> None:
    """The parameters of a fit, or why there is none."""
    if last.fit is None:
        print("There is not enough to predict from:")
        for lack in last.lacks:
            print(f"  {lack}")
        return
    fit, purchases, spend = last.fit, last.fit.purchases, last.fit.spend
    print(f"until           {day_of(fit.end)}")
    print(f"customers       {fit.customers}")
    print(f"model           {'MBG/NBD' if purchases.leaves_at_once else 'BG/NBD'}")
    print(f"r               {purchases.r:.3f}")
    print(f"alpha           {purchases.alpha / WEEK_DAYS:.3f} weeks")
    print(f"a, b            {purchases.a:.3f}, {purchases.b:.3f}")
    print(f"log likelihood  {last.fit.purchases_log_likelihood(WEEK_DAYS):.1f}")
    if spend is not None:
        print(f"p, q, v         {spend.p:.2f}, {spend.q:.2f}, {spend.v:.2f}")
    print(f"days between    {fit.days_between_orders:.1f}")


def print_tracking(tracking: Tracking) -> None:
    """The forecast of a fit for orders that it had not seen."""
    print()
    print(f"Fitted to the orders up to {day_of(tracking.cut)}, compared with those up to {day_of(tracking.end)}:")
    print(f"expected        {tracking.expected:.0f} repeat purchases")
    print(f"actual          {tracking.actual} ({tracking.error:+.1%})")
    print(f"mean error      {tracking.mean_error:.3f} per customer ({tracking.naive_error:.3f} if everyone went on)")


def day_of(seconds: int) -> str:
    """The day of Unix seconds in UTC."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).date().isoformat()
