"""The files of deploy/: that they can be loaded, and that they name metrics, routes and options that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.source_tree import PROJECT

DEPLOY = PROJECT / "deploy"
METRIC = re.compile(r"\b(?:eventkeep|process)_[a-z_]+\b")


def known_metrics() -> set[str]:
    """The metrics of the reference, with the series of the histograms."""
    page = (PROJECT / "docs" / "reference" / "metrics.md").read_text()
    found: set[str] = set()
    for name, kind in re.findall(r"^\| `([a-z_]+)` \| (\w+) \|", page, re.MULTILINE):
        found |= {f"{name}_{series}" for series in ("bucket", "sum", "count")} if kind == "histogram" else {name}
    return found


def loaded(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text())


def test_alerts_are_rules_over_metrics_that_exist() -> None:
    (group,) = loaded("prometheus/alerts.yaml")["groups"]
    for rule in group["rules"]:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert set(METRIC.findall(rule["expr"])) <= known_metrics(), rule["alert"]
        assert rule["annotations"].keys() == {"summary", "description"}
        assert rule["labels"]["severity"] in ("critical", "warning", "info")


def test_dashboard_shows_metrics_that_exist() -> None:
    board = json.loads((DEPLOY / "grafana" / "eventkeep.json").read_text())
    used = {name for panel in board["panels"] for each in panel["targets"] for name in METRIC.findall(each["expr"])}
    assert used <= known_metrics()
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_takes_the_alerts() -> None:
    subprocess.run(["promtool", "check", "rules", DEPLOY / "prometheus" / "alerts.yaml"], check=True)


def test_compose_names_files_that_exist() -> None:
    services = loaded("compose.yaml")["services"]
    assert (DEPLOY / services["eventkeep"]["build"]["context"] / "deploy" / "Dockerfile").exists()
    mounted = [each for service in services.values() for each in service["volumes"] if each.startswith("./")]
    assert mounted
    assert all((DEPLOY / each.partition(":")[0]).is_file() for each in mounted)


def test_image_sets_options_of_serve() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    from eventkeep.config import READERS

    names = set(re.findall(r"\bEVENTKEEP_([A-Z_]+)=", text))
    assert names
    assert names <= {name.upper() for name in READERS}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    # The unit names the path of the program; here it is the one of this environment.
    unit = (DEPLOY / "eventkeep.service").read_text().replace("/opt/eventkeep/bin/eventkeep", shutil.which("env") or "")
    (tmp_path / "eventkeep.service").write_text(unit)
    done = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / "eventkeep.service"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, [line for line in done.stderr.splitlines() if "eventkeep.service" in line]) == (0, [])
