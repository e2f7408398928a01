"""``eventkeep doctor``: whether a server can run here, or the reason why not and the remedy."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated, Final

import typer

from eventkeep.cli.exits import ExitCode
from eventkeep.cli.findings import Finding, ok, worst
from eventkeep.cli.output import JsonDocumentOption, Output, folded
from eventkeep.cli.settings import ConfigOption, DataOption, serve_settings
from eventkeep.config import ServeSettings

STYLES: Final = {"ok": "green", "warning": "yellow", "fault": "bold red"}
EPILOG: Final = """
Example: eventkeep doctor --data /srv/eventkeep

For a node of a cluster, that is with --log, it checks the servers of NATS, the streams, the lease and all nodes too.

Exit codes: 0 no fault (there may be warnings), 1 a fault was found, 2 wrong usage.
"""


def doctor(
    data: DataOption = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[str | None, typer.Option(help="The port.", show_default="8340")] = None,
    log: Annotated[
        str | None, typer.Option(help="The address of the replicated log of a node.", show_default="none")
    ] = None,
    node_secret: Annotated[
        str | None, typer.Option(help="The secret that the nodes of a cluster share.", show_default="none")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonDocumentOption = False,
) -> None:
    """Check the data folder, the port, the disk, the clock and the program, and advise how to correct a fault.

    It works beside a running server and without one, needs no key, and changes nothing.
    """
    settings = serve_settings(
        {"data": data, "host": host, "port": port, "log": log, "node_secret": node_secret, "config": config}
    )
    findings = examine(settings)
    status = worst(findings)
    output = Output()
    if as_json:
        output.json_document({"status": status, "checks": findings})
    else:
        show(output, findings)
    output.flush()
    if status == "fault":
        raise typer.Exit(ExitCode.FAILED)


def examine(settings: ServeSettings) -> list[Finding]:
    """All findings, in the order in which a start would meet them."""
    # They load much that no other command needs, and each command would wait for it.
    from eventkeep.cli.folder_checks import check_folder
    from eventkeep.cli.machine_checks import clock, compiled_reader, disk, inodes, libraries, open_files, python, sync
    from eventkeep.cli.port_checks import check_port

    findings = [python(), libraries()]
    if worst(findings) == "fault":
        # Without its libraries the program can't look any further.
        return findings
    findings.append(compiled_reader())
    folder = check_folder(settings.data)
    address = check_port(settings.host, settings.port, folder.holder) if settings.port else None
    findings += folder.findings
    if folder.findings[0].status != "fault":
        findings += [disk(folder.place), inodes(folder.place), sync(folder.place)]
    findings.append(ok("port", "any that is free") if address is None else address.finding)
    server_date = None if address is None else address.server_date
    findings += [open_files(), clock(time.time(), server_date, folder.last_change)]
    if settings.log is None:
        return findings
    from eventkeep.cli.cluster_checks import check_cluster
    from eventkeep.server.logs import configure_logs

    configure_logs("error", "console")
    return findings + check_cluster(settings)


def show(output: Output, findings: Sequence[Finding]) -> None:
    """Print the findings one under another, the advice below each, and a last line for all."""
    status_width = max(len(finding.status) for finding in findings)
    check_width = max(len(finding.check) for finding in findings)
    indent = status_width + check_width + 4
    for finding in findings:
        head = f"{finding.status:<{status_width}}  {finding.check:<{check_width}}  "
        for line in folded(output, finding.found, indent):
            output.line(f"{head}{line}", STYLES[finding.status] if finding.status != "ok" else "")
            head = " " * indent
        for place, line in enumerate(folded(output, finding.advice, indent + 4) if finding.advice else []):
            output.line(f"{' ' * indent}{'to do: ' if place == 0 else '  '}{line}")
    counts = [(status, sum(1 for each in findings if each.status == status)) for status in ("fault", "warning")]
    told = [f"{count} {status}{'s' if count > 1 else ''}" for status, count in counts if count]
    output.line()
    output.line(f"{' and '.join(told)} found" if told else "all is well", STYLES[worst(findings)])
