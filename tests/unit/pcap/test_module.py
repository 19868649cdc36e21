"""The module and its role, run by Ansible: idempotent, correct in check mode, without Scapy on the target."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import wrpcapng

from linerate.pcap.destinations import AllowedDestinations
from linerate.pcap.reader import read_summary
from linerate.pcap.rewrite import Rewrite
from linerate.pcap.spec import PARAMETERS, PcapSpec

ROOT = Path(__file__).parents[3]
MODULE = ROOT / "library" / "linerate_pcap.py"
CAPTURE_MODULE = ROOT / "library" / "linerate_pcap_capture.py"
REFERENCE_SET = {"tcp_port_scan_64", "udp_port_scan_64", "tcp_port_scan_1500", "udp_port_scan_1500"}


def constant(name, file=MODULE):
    """The value of a constant of the module, which only Ansible can import."""
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == name:
            return ast.literal_eval(node.value)
    raise AssertionError(f"{file} has no {name}")


def argument_spec(file=MODULE):
    """The module's arguments, as it hands them to AnsibleModule."""
    code = f"import json, runpy; print(json.dumps(runpy.run_path({str(file)!r})['ARGUMENT_SPEC']))"
    finder = "import sys, linerate, ansible.module_utils; sys.modules['ansible.module_utils.linerate'] = linerate\n"
    done = subprocess.run([sys.executable, "-c", finder + code], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def python_without_scapy(tmp_path_factory):
    """An interpreter for the target with the standard library only."""
    script = tmp_path_factory.mktemp("python") / "python3"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    script.chmod(0o755)
    assert subprocess.run([str(script), "-c", "import scapy"], check=False, capture_output=True).returncode != 0
    return str(script)


@pytest.fixture
def ansible(tmp_path, python_without_scapy):
    """Run an Ansible program in the repository, for two hosts that both are this machine."""
    hosts = {
        "all": {
            "vars": {"ansible_connection": "local", "ansible_python_interpreter": python_without_scapy},
            "children": {
                "senders": {"hosts": {"tx": {"linerate_interface": "lo", "linerate_receiver": "rx"}}},
                "receivers": {"hosts": {"rx": {"linerate_interface": "lo"}}},
                "machines": {"hosts": {"tx": {}, "rx": {}}},
            },
        }
    }
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(json.dumps(hosts))

    def run(program, *argv):
        return subprocess.run(
            [str(Path(sys.executable).parent / program), "-i", str(inventory), *argv],
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
            check=False,
            capture_output=True,
            text=True,
        )

    return run


@pytest.fixture
def module(ansible, tmp_path):
    """The result of one run of the module."""

    def run(*options, **given):
        results = tmp_path / "results"
        done = ansible(
            "ansible", "tx", "-m", "linerate_pcap", "-a", json.dumps(given), "--tree", str(results), *options
        )
        assert (results / "tx").exists(), done.stdout + done.stderr
        return json.loads((results / "tx").read_text())

    return run


@pytest.fixture
def small(tmp_path):
    return {
        "path": str(tmp_path / "a.pcap"),
        "protocol": "udp",
        "packets": 100,
        "src_mac": "02:00:00:00:00:01",
        "dst_mac": "02:00:00:00:00:02",
    }


def test_check_mode_then_write_then_no_change(module, small):
    predicted = module("--check", **small)
    assert predicted["changed"]
    assert not Path(small["path"]).exists()

    written = module(**small)
    assert written["changed"]
    assert written["manifest"] == predicted["manifest"]
    assert written["manifest"]["path"] == small["path"]
    assert written["manifest"]["sha256"] == read_summary(small["path"]).sha256

    again = module(**small)
    assert not again["changed"]
    assert again["manifest"] == written["manifest"]


def test_damage_is_repaired(module, small):
    module(**small)
    os.truncate(small["path"], 100)
    repaired = module(**small)
    assert repaired["changed"], repaired
    assert "damaged" in repaired["reason"]
    assert read_summary(small["path"]).packets == 100


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"ip_length": 20}, "ip_length 20: must be 28 to 65535 bytes for udp"),
        ({"dst_mac": "ff:ff:ff:ff:ff:ff"}, "must not be a multicast or broadcast address"),
        ({"templates": ["00"]}, "does not have the 78 bytes that the parameters require"),
        ({"templates": ["zz"]}, "must be hex digits"),
        ({"path": "/nowhere/a.pcap"}, "cannot be written: No such file or directory"),
        ({"ipl_ength": 64}, "Unsupported parameters"),
    ],
)
def test_invalid_options_are_named(given, message, module, small):
    result = module(**{**small, **given})
    assert message in result["msg"]
    assert not Path(small["path"]).exists()


def test_documentation_and_arguments_match_the_core():
    documented = yaml.safe_load(constant("DOCUMENTATION"))["options"]
    arguments = argument_spec()
    assert set(documented) == set(arguments) == {"path", "templates", *PARAMETERS}
    for name, argument in arguments.items():
        described = {key: value for key, value in documented[name].items() if key != "description"}
        assert described == argument
    defaults = {field.name: field.default for field in fields(PcapSpec)} | {"streams": []}
    for name in PARAMETERS:
        if not arguments[name].get("required"):
            assert arguments[name].get("default") == defaults[name], name


def test_capture_documentation_matches_its_arguments():
    documented = yaml.safe_load(constant("DOCUMENTATION", CAPTURE_MODULE))["options"]
    arguments = argument_spec(CAPTURE_MODULE)
    assert set(documented) == set(arguments)
    assert set(documented["rewrite"]["suboptions"]) == set(arguments["rewrite"]["options"])
    assert set(arguments["rewrite"]["options"]) == {field.name for field in fields(Rewrite)}


@pytest.mark.parametrize("file", [MODULE, CAPTURE_MODULE])
def test_examples_run_in_check_mode(file, ansible, captures, tmp_path):
    playbook = tmp_path / "examples.yml"
    tasks = yaml.safe_load(constant("EXAMPLES", file).replace("captures/my.pcapng", f"{captures}/my.pcapng"))
    playbook.write_text(json.dumps([{"hosts": "tx", "gather_facts": False, "tasks": tasks}]))
    done = ansible("ansible-playbook", "--check", str(playbook))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"changed={len(tasks)}" in done.stdout


def test_role_writes_the_reference_set_once(ansible, tmp_path):
    argv = ("playbooks/pcaps.yml", "-e", f"pcaps_dir={tmp_path}/pcaps")
    first = ansible("ansible-playbook", *argv)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "changed=2 " in first.stdout
    assert {path.stem for path in (tmp_path / "pcaps").glob("*.pcap")} == REFERENCE_SET
    for path in (tmp_path / "pcaps").glob("*.json"):
        parameters = json.loads(path.read_text())["parameters"]
        # Both interfaces are lo, whose all-zero address must not appear in a frame.
        assert (parameters["src_mac"], parameters["dst_mac"]) == ("02:00:00:00:00:01", "02:00:00:00:00:02")

    second = ansible("ansible-playbook", *argv)
    assert second.returncode == 0
    assert "changed=0 " in second.stdout


def test_role_uses_its_variables_and_publishes_the_manifests(ansible, tmp_path):
    variables = {
        "pcaps_dir": str(tmp_path),
        "pcaps_set": [{"name": "one", "protocol": "udp", "ip_length": 100, "vlan": 7}],
        "pcaps_dst_mac": "0a:00:00:00:00:09",
        "pcaps_src_mac": "0a:00:00:00:00:08",
        "pcaps_packets": 5,
    }
    playbook = tmp_path / "play.yml"
    show = {"ansible.builtin.copy": {"content": "{{ pcaps_manifests | to_json }}", "dest": f"{tmp_path}/facts.json"}}
    playbook.write_text(
        json.dumps(
            [{"hosts": "tx", "gather_facts": False, "vars": variables, "roles": ["pcaps"], "post_tasks": [show]}]
        )
    )
    done = ansible("ansible-playbook", str(playbook))
    assert done.returncode == 0, done.stdout + done.stderr
    facts = json.loads((tmp_path / "facts.json").read_text())
    assert list(facts) == ["one"]
    assert facts["one"]["path"] == f"{tmp_path}/one.pcap"
    given = {"protocol": "udp", "vlan": 7, "packets": 5, "dst_mac": "0a:00:00:00:00:09", "src_mac": "0a:00:00:00:00:08"}
    assert given.items() <= facts["one"]["parameters"].items()


def play_role(ansible, tmp_path, *options, **variables):
    """Run the role as playbooks/benchmark.yml does, with these variables; the manifests that it published."""
    role = {"ansible.builtin.import_role": {"name": "pcaps"}, "when": "pcaps_manifests is not defined"}
    playbook, facts = tmp_path / "play.yml", tmp_path / "facts.json"
    show = {
        "ansible.builtin.copy": {"content": "{{ pcaps_manifests | to_json }}", "dest": str(facts)},
        "check_mode": False,
        "changed_when": False,
    }
    variables = {"pcaps_dir": str(tmp_path / "pcaps"), **variables}
    playbook.write_text(json.dumps([{"hosts": "tx", "gather_facts": False, "vars": variables, "tasks": [role, show]}]))
    done = ansible("ansible-playbook", str(playbook), *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(facts.read_text()), done.stdout


OPTIONS = {
    "protocol": "udp",
    "src_mac": "0a:00:00:00:00:01",
    "dst_mac": "0a:00:00:00:00:02",
    "ip_length": 99,
    "first_port": 11,
    "last_port": 17,
    "packets": 5,
    "src_ip": "198.18.3.3",
    "dst_ip": "198.19.3.0/30",
    "source_port": 77,
    "last_source_port": 78,
    "flows": 4,
    "vlan": 9,
    "outer_vlan": 10,
    "payload": "random",
    "seed": 7,
    "ttl": 3,
    "streams": [{"dst_ip": "198.19.3.4"}, {"frame_length": 100}],
}
LENGTHS = {"frame_length": 256, "imix": {"100": 2, "1518": 1}}
"""Each in place of ip_length."""


def test_every_option_of_the_module_works_in_the_set(ansible, tmp_path):
    assert {*OPTIONS, *LENGTHS} == set(PARAMETERS)
    specs = yaml.safe_load((ROOT / "roles/pcaps/meta/argument_specs.yml").read_text())["argument_specs"]["main"]
    assert set(specs["options"]["pcaps_set"]["options"]) == {"name", "src", "rewrite", *PARAMETERS}
    others = {key: value for key, value in OPTIONS.items() if key != "ip_length"}
    wanted = {"all": OPTIONS, **{name: {**others, name: value} for name, value in LENGTHS.items()}}
    manifests, _ = play_role(ansible, tmp_path, pcaps_set=[{"name": name, **given} for name, given in wanted.items()])
    assert {name: manifest["parameters"] for name, manifest in manifests.items()} == wanted


@pytest.fixture
def captures(tmp_path):
    """A folder with one capture, in which 10.0.0.1 and 10.0.0.2 talk."""
    there = Ether(src=OTHER, dst=OTHER) / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=1, dport=2) / bytes(30)
    back = Ether(src=OTHER, dst=OTHER) / IP(src="10.0.0.2", dst="10.0.0.1") / UDP(sport=2, dport=1) / bytes(90)
    for number, frame in enumerate((there, back)):
        frame.time = 1_700_000_000 + number
    wrpcapng(str(tmp_path / "my.pcapng"), [there, back])
    return str(tmp_path)


OTHER = "0a:00:00:00:00:09"
REWRITE = {"dst_mac": "receiver", "src_mac": "sender", "ip": {"10.0.0.0/30": "198.18.0.0/30"}, "vlan": 5}


def test_a_capture_is_converted_and_copied_once(ansible, captures, tmp_path):
    pcaps = [
        {"name": "mycap", "src": "my.pcapng", "rewrite": REWRITE},
        {"name": "as_it_is", "src": f"{captures}/my.pcapng"},
        {"name": "scan", "protocol": "udp", "packets": 3},
    ]
    given = {"pcaps_set": pcaps, "pcaps_src_dir": captures}
    (tmp_path / "pcaps").mkdir(mode=0o755)
    predicted, said = play_role(ansible, tmp_path, "--check", **given)
    assert "changed=2 " in said
    assert os.listdir(tmp_path / "pcaps") == []

    made, said = play_role(ansible, tmp_path, **given)
    assert "changed=2 " in said
    assert made == predicted
    assert list(made) == ["scan", "mycap", "as_it_is"]
    capture = made["mycap"]
    assert capture["path"] == str(tmp_path / "pcaps" / "mycap.pcap")
    assert (capture["packets"], capture["flows"], capture["duration_seconds"]) == (2, 2, 1.0)
    assert (capture["destinations"], capture["vlan_id"]) == (["198.18.0.1", "198.18.0.2"], 5)
    allowed = AllowedDestinations(["198.18.0.0/30", "02:00:00:00:00:02"])
    assert read_summary(capture["path"], allowed).sha256 == capture["sha256"]
    assert made["as_it_is"]["destinations"] == ["10.0.0.1", "10.0.0.2"]
    assert json.loads((tmp_path / "pcaps" / "mycap.pcap.json").read_text())["sha256"] == capture["sha256"]

    again, said = play_role(ansible, tmp_path, **given)
    assert "changed=0 " in said
    assert again == made
    os.truncate(capture["path"], 60)
    repaired, said = play_role(ansible, tmp_path, **given)
    assert "changed=1 " in said
    assert repaired == made


@pytest.mark.parametrize(
    ("pcap", "message"),
    [
        (
            {"src": "none.pcap"},
            "none.pcap': cannot be read: No such file or directory. Use the path of an existing file.",
        ),
        ({"src": "my.pcapng", "rewrite": {"dst_mac": "recv"}}, "dst_mac 'recv': must be six bytes in hex"),
        ({"ip_length": 64}, "pcaps_set[0].protocol: is missing. Set protocol."),
    ],
)
def test_a_wrong_pcap_is_named_before_any_host_is_touched(pcap, message, ansible, captures, tmp_path):
    variables = {"pcaps_set": [{"name": "one", **pcap}], "pcaps_src_dir": captures, "pcaps_dir": f"{tmp_path}/p"}
    done = ansible("ansible-playbook", "playbooks/validate.yml", "-e", json.dumps(variables))
    assert done.returncode != 0
    assert message in done.stdout
    assert not (tmp_path / "p").exists()


def test_role_fails_without_mac_addresses(ansible, tmp_path):
    playbook = tmp_path / "play.yml"
    variables = {"linerate_receiver": "", "pcaps_dir": f"{tmp_path}/p"}
    playbook.write_text(json.dumps([{"hosts": "tx", "gather_facts": False, "vars": variables, "roles": ["pcaps"]}]))
    done = ansible("ansible-playbook", str(playbook))
    assert done.returncode != 0
    assert "The MAC addresses of the frames are not known. Set pcaps_src_mac and pcaps_dst_mac" in done.stdout
    assert not (tmp_path / "p").exists()
