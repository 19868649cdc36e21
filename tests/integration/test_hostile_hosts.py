"""Inventory host names that attack a shell, a page or a path: the benchmark runs, and nothing else happens."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from tests.integration.conftest import REPOSITORY
from tests.integration.test_benchmark import short

pytestmark = pytest.mark.long

# By their target: each would create the file "owned" if a shell ran it, or write outside of its folder.
NAMES = {
    "shell": "a b\"c'; touch owned; $(touch owned) `touch owned` | & < > é",
    "option and HTML": "-e pipelining=no <img src=x onerror=alert(1)>",
    # Ansible's fact cache puts three letters before a name, and a file name has at most 255 bytes.
    "long": "n" * 250,
    "path": "../../owned",
}


def hostile_inventory(folder: Path, sender: str, receiver: str) -> Path:
    """The embedded lab's inventory, with other names for both hosts."""
    inventory = folder / "inventory"
    shutil.copytree(REPOSITORY / "inventory/lab", inventory)
    hosts = yaml.safe_load((inventory / "hosts.yml").read_text())
    described = hosts["senders"]["hosts"].pop("sender1")
    hosts["senders"]["hosts"][sender] = {**described, "linerate_receiver": receiver}
    hosts["receivers"]["hosts"][receiver] = hosts["receivers"]["hosts"].pop("receiver1")
    (inventory / "hosts.yml").write_text(yaml.safe_dump(hosts))
    return inventory


@pytest.mark.parametrize(("name", "other"), [("shell", "option and HTML"), ("long", "path")])
def test_a_benchmark_of_hosts_with_hostile_names(lab, play, tmp_path, name, other):
    sender, receiver = NAMES[name], NAMES[other]
    before = {path.name for path in REPOSITORY.iterdir()}
    inventory = hostile_inventory(tmp_path, sender, receiver)
    scenario = short(tmp_path, benchmark_cases=["tcp_port_scan_64"], benchmark_rates=[{"mode": "pps", "value": 2000}])
    done = play("playbooks/benchmark.yml", "-i", str(inventory), **scenario)
    assert done.rc == 0, done.stdout
    latest = tmp_path / "results/latest"
    (trial,) = map(json.loads, (latest / "trials.jsonl").read_text().splitlines())
    hosts = trial["sender"]["host"], trial["receiver"]["host"]
    assert (hosts, trial["verdict"]["valid"]) == ((sender, receiver), True)
    made = play("playbooks/report.yml", "-i", str(inventory), report_run_dir=str(latest))
    assert made.rc == 0, made.stdout
    assert "<img" not in (latest / "report.html").read_text()
    assert {path.name for path in REPOSITORY.iterdir()} - before <= {"results", "artifacts", ".ansible"}
    assert not (tmp_path / "owned").exists()
