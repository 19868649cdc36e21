"""The mistakes of docs/mistakes.md by the real ansible-playbook: what was written, and what linerate says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs/mistakes.md").read_text(encoding="utf-8")
ENTRY = re.compile(r"^(\S.*(?:\n\S.*)*)\n((?:    .*\n)+)", re.MULTILINE)
"""What was written, and indented the answer; both may be wrapped."""


def entries(section: str) -> list[tuple[str, str]]:
    block = TEXT.partition(f"## {section}\n")[2].partition("```text\n")[2].partition("```")[0]
    return [(" ".join(written.split()), " ".join(answer.split())) for written, answer in ENTRY.findall(block)]


VALUES, CALLS = entries("Values"), entries("Calls")
INVENTORY = """
all: {{vars: {{ansible_connection: local}}}}
senders:
  vars: {{linerate_interface: lrs0, linerate_receiver: receiver1}}
  hosts:
{hosts}
receivers: {{hosts: {{receiver1: {{linerate_interface: lrr0}}}}}}
"""


def answers(playbook: str, *options: str, **environment: str) -> list[str]:
    """What linerate says; fails unless that is all that happens."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", playbook, *options],
        cwd=ROOT,
        env={**kept, "LC_ALL": "C.UTF-8", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    # The first play is the last one: no task runs on a host of the inventory.
    assert done.stdout.count("PLAY [") == 1, done.stdout
    assert done.stdout.count("TASK [") == 1
    assert "PLAY RECAP" in done.stdout
    message = re.search(
        r"^\[ERROR\]: Task failed: Action failed: (.*?)\nOrigin: ", done.stdout + done.stderr, re.S | re.M
    )
    assert message, done.stdout + done.stderr
    return message[1].splitlines()


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """All answers, by one run: each row is a sender of its own."""
    inventory = tmp_path_factory.mktemp("inventory") / "hosts.yml"
    hosts = "\n".join(f"    host{at}: {{ {written} }}" for at, (written, _) in enumerate(VALUES))
    inventory.write_text(INVENTORY.format(hosts=hosts), encoding="utf-8")
    return answers("playbooks/pcaps.yml", "-i", str(inventory))


def test_there_are_enough_rows():
    assert len(VALUES) + len(CALLS) > 50


@pytest.mark.parametrize(("written", "answer"), VALUES, ids=[written for written, _ in VALUES])
def test_a_value(said, written, answer):
    mine = answer.replace("sender1", f"host{VALUES.index((written, answer))}")
    assert mine in [re.sub(r" \(\S+/hosts\.yml:\d+\)$", "", line) for line in said]


def test_each_mistake_has_one_answer(said):
    assert len(said) == len(VALUES)


@pytest.mark.parametrize(("written", "answer"), CALLS, ids=[written for written, _ in CALLS])
def test_a_call(written, answer):
    if written.startswith("ANSIBLE_"):
        name, _, value = written.partition("=")
        said = answers("site.yml", **{name: value})
    else:
        said = answers("site.yml", *shlex.split(written))
    assert said == [answer.replace("tests/", f"{ROOT}/tests/", 1) if "inventory tests/" in answer else answer]


def test_the_place_of_a_mistake_in_a_scenario_file(tmp_path):
    scenario = tmp_path / "scenario.yml"
    scenario.write_text("benchmark_repeats: 3\n\nbenchmark_rate: []\n", encoding="utf-8")
    assert answers("playbooks/benchmark.yml", "-e", f"@{scenario}") == [
        f"benchmark_rate: is not a variable of linerate. Did you mean benchmark_rates? ({scenario}:3)"
    ]


def test_an_ini_inventory(tmp_path):
    inventory = tmp_path / "hosts.ini"
    inventory.write_text("[senders]\ns1 linerate_interface=lo benchmark_repeats=two netmap_rebind_ok=No\n")
    assert answers("playbooks/restore.yml", "-i", str(inventory)) == [
        f"benchmark_repeats 'two': must be a whole number. Write digits, such as 3. ({inventory}:2)"
    ]


@pytest.mark.parametrize("playbook", sorted(path.name for path in (ROOT / "playbooks").glob("*.yml")))
def test_every_playbook_begins_with_the_validation(playbook):
    if playbook == "validate_input.yml":
        return
    # throughput.yml is site.yml with other variables, which begins with the validation.
    first = yaml.safe_load((ROOT / "playbooks" / playbook).read_text(encoding="utf-8"))[0]
    assert first["ansible.builtin.import_playbook"] in {"validate_input.yml", "../site.yml"}


def test_paths_in_the_environment_change_nothing():
    paths = {f"ANSIBLE_{name}": "/nonexistent" for name in ("ROLES_PATH", "LIBRARY", "MODULE_UTILS")}
    paths |= {f"ANSIBLE_{name}_PLUGINS": "/nonexistent" for name in ("ACTION", "CONNECTION")}
    assert answers("site.yml", "-e", "benchmark_repeats=0", **paths) == [
        "benchmark_repeats 0: must be a whole number of at least 1. Use 1 or more. (-e)"
    ]


@pytest.mark.parametrize("playbook", ["tune", "verify"])
def test_a_playbook_that_needs_the_interface(tmp_path, playbook):
    inventory = tmp_path / "hosts.ini"
    inventory.write_text("[senders]\ns1\n")
    assert answers(f"playbooks/{playbook}.yml", "-i", str(inventory)) == [
        "linerate_interface: is not set for the sender s1. Set it for s1 in the inventory, to the interface that sends."
    ]


SCENARIOS = sorted(path.name for path in (ROOT / "scenarios").glob("*.yml"))
INVENTORIES = sorted(path.name for path in (ROOT / "inventory").iterdir())


@pytest.mark.parametrize(
    "options",
    [*([f"-iinventory/{name}"] for name in INVENTORIES), *([f"-e@scenarios/{name}"] for name in SCENARIOS)],
    ids=lambda options: options[0][2:],
)
def test_what_the_project_ships_is_valid(options):
    # The only receiver of the stand-in is none: nothing is sent there.
    senders = "interface" if "standin" in options[0] else "scenario"
    command = [Path(sys.executable).parent / "ansible-playbook", "playbooks/validate_input.yml", *options]
    command += ["-e", f"validate_senders={senders}", "-e", '{"validate_groups": ["senders", "machines"]}']
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
