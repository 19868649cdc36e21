"""Every boolean variable is converted wherever a role or playbook uses it: from an INI inventory or -e it is text."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
CONVERTED = re.compile(r"(?:\s*\|\s*default\([^()]*\))?\s*\|\s*bool\b")
NOT_CONVERTED = {"source_product_spec.load": "a role passes it on, converted"}


def booleans() -> list[str]:
    """All boolean variables of all roles, keys of dictionaries among them."""

    def walk(options: dict[str, Any], prefix: str = "") -> list[str]:
        found = []
        for name, option in options.items():
            found += [prefix + name] if option.get("type") == "bool" else []
            found += walk(option.get("options") or {}, f"{prefix}{name}.")
        return found

    specs = [yaml.safe_load(path.read_text()) for path in ROOT.glob("roles/*/meta/argument_specs.yml")]
    return sorted(
        {name for spec in specs for part in spec["argument_specs"].values() for name in walk(part["options"])}
    )


BOOLEANS = [name for name in booleans() if name not in NOT_CONVERTED]


def expressions(node: Any, key: str = "") -> list[str]:
    """The Jinja expressions of a YAML file: templates, and the values of keywords that are expressions."""
    if isinstance(node, dict):
        return [text for name, one in node.items() for text in expressions(one, name)]
    if isinstance(node, list):
        return [text for one in node for text in expressions(one, key)]
    if not isinstance(node, str):
        return []
    # A message may name a variable.
    node = re.sub(r"'[^']*'", "''", node)
    return (
        [node]
        if key in {"when", "that", "until", "changed_when", "failed_when"}
        else re.findall(r"\{\{.*?\}\}", node, re.S)
    )


FILES = [
    *ROOT.glob("roles/*/tasks/*.yml"),
    *ROOT.glob("roles/*/vars/*.yml"),
    *ROOT.glob("roles/*/defaults/*.yml"),
    *ROOT.glob("playbooks/*.yml"),
    *ROOT.glob("inventory/**/*.yml"),
]
USES = [(path, text) for path in FILES for text in expressions(yaml.safe_load(path.read_text()))]


def test_the_switches_that_consent_are_among_them():
    assert {"netmap_rebind_ok", "sender_tuning_ok", "devtools_kernel_update_ok", "restore_rebind_ok"} <= set(BOOLEANS)


@pytest.mark.parametrize("name", BOOLEANS)
def test_each_use_is_converted(name):
    used = [(path, text, match) for path, text in USES for match in re.finditer(rf"(?<![\w.]){name}\b", text)]
    assert used, f"no role uses {name}"
    for path, text, match in used:
        assert CONVERTED.match(text, match.end()), f"{path.relative_to(ROOT)}: {text}"


PLAY = """
- hosts: senders
  gather_facts: false
  vars_files: {files}
  tasks:
    - ansible.builtin.copy:
        content: "{{{{ found | to_json }}}}"
        dest: "{folder}/{{{{ inventory_hostname }}}}.json"
      vars:
        linerate_interface: lo
        tcpreplay_link: /usr/local/bin/tcpreplay
        found:
          patched: "{{{{ __netmap_patched }}}}"
          rebuilds: "{{{{ __netmap_rebuilds | bool }}}}"
          consent: "{{{{ sender_tuning_expected.consent }}}}"
          isolate: "{{{{ sender_tuning_expected.isolate }}}}"
          cpu: "{{{{ benchmark_cpu }}}}"
          restore: "{{{{ restore_rebind_ok | bool }}}}"
          headers: "{{{{ devtools_kernel_headers | bool }}}}"
          tcpreplay: "{{{{ tcpreplay_expected.netmap }}}}"
          verify: "{{{{ verify_netmap | bool }}}}"
"""
NOTHING = {
    "patched": [],
    "rebuilds": False,
    "consent": False,
    "isolate": False,
    "cpu": "",
    "restore": False,
    "headers": False,
    "tcpreplay": False,
    "verify": False,
}
SWITCHES = (
    "netmap_rebind_ok",
    "netmap_rebuild_at_boot",
    "sender_tuning_ok",
    "sender_tuning_isolate",
    "linerate_netmap",
)
ROLES = ("netmap", "sender_tuning", "benchmark", "restore", "devtools", "tcpreplay", "verify")


NO = ("no", "false", "0")


def given(no: str) -> list[str]:
    return [f"{name}={no}" for name in SWITCHES]


@pytest.mark.parametrize(
    ("inventory", "extra"),
    [([given(no) for no in NO], []), *(([[]], given(no)) for no in NO)],
    ids=["inventory", *(f"-e {no}" for no in NO)],
)
def test_text_that_says_no_consents_to_nothing(tmp_path, inventory, extra):
    """The roles' own variables, from an INI inventory and from -e; no quotes."""
    common = f"ansible_connection=local ansible_python_interpreter={sys.executable} sender_tuning_core=3"
    hosts = [f"s{at} {common} {' '.join(switches)}\n" for at, switches in enumerate(inventory)]
    (tmp_path / "hosts.ini").write_text("".join(["[senders]\n", *hosts]))
    files = [str(ROOT / f"roles/{role}/vars/main.yml") for role in ROLES]
    (tmp_path / "play.yml").write_text(
        PLAY.format(files=json.dumps([path for path in files if Path(path).exists()]), folder=tmp_path)
    )
    roles = [yaml.safe_load((ROOT / f"roles/{role}/defaults/main.yml").read_text()) for role in ROLES]
    defaults = {name: value for role in roles for name, value in role.items() if name not in SWITCHES}
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars/all.yml").write_text(yaml.safe_dump({**defaults, "netmap_drivers": ["e1000"]}))
    command = [Path(sys.executable).parent / "ansible-playbook", "-i", tmp_path / "hosts.ini", tmp_path / "play.yml"]
    command += [part for one in extra for part in ("-e", one)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = {path.name: json.loads(path.read_text()) for path in tmp_path.glob("s*.json")}
    assert found == {f"s{at}.json": NOTHING for at in range(len(inventory))}
