"""Names and types of variables against argument specs."""

from __future__ import annotations

from typing import Any

import pytest

from linerate.controller.invocation import Invocation
from linerate.controller.variables import Variables, misread

VARIABLES = Variables(
    {
        "pcaps_set": {
            "type": "list",
            "elements": "dict",
            "options": {"name": {"required": True}, "vlan": {"type": "int"}, "secret": {"no_log": True, "type": "int"}},
        },
        "pcaps_packets": {"type": "int"},
        "benchmark_engines": {"type": "list", "elements": "str"},
        "benchmark_link_bps": {"type": "float"},
        "netmap_rebind_ok": {"type": "bool"},
        "sender_tuning_flow_control": {"choices": ["on", "off", "leave"]},
        "lab_state": {},
    },
    frozenset({"pcaps", "benchmark", "netmap", "sender_tuning", "lab", "linerate"}),
    frozenset({"pcaps_packets"}),
)


@pytest.mark.parametrize(
    ("name", "value", "converted"),
    [
        ("pcaps_packets", None, None),
        ("pcaps_packets", " 10 ", 10),
        ("pcaps_packets", 10.0, 10),
        ("benchmark_link_bps", "1e10", 1e10),
        ("benchmark_engines", "kernel, netmap", ["kernel", "netmap"]),
        ("netmap_rebind_ok", "No", False),
        ("netmap_rebind_ok", 1, True),
        ("netmap_rebind_ok", "on", True),
        ("sender_tuning_flow_control", False, "off"),
        ("pcaps_set", [{"name": 5, "vlan": "7", "secret": None}], [{"name": "5", "vlan": 7}]),
    ],
)
def test_a_value_is_converted(name, value, converted):
    assert VARIABLES.convert(name, value) == (converted, [])


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("netmap_rebind_ok", "", "netmap_rebind_ok '': must be true or false. "),
        ("netmap_rebind_ok", "y", "netmap_rebind_ok 'y': must be true or false. "),
        ("netmap_rebind_ok", 2, "netmap_rebind_ok 2: must be true or false. "),
        ("netmap_rebind_ok", 0.0, "netmap_rebind_ok 0.0: must be true or false. "),
        ("benchmark_link_bps", float("inf"), "benchmark_link_bps inf: must be a number. "),
        ("benchmark_link_bps", "2.5 gbit/s", "Write 2500000000, without a unit."),
        ("benchmark_engines", None, "benchmark_engines: is empty. "),
        ("benchmark_engines", ["kernel", ["netmap"]], "benchmark_engines[1] ['netmap']: must be text. "),
        ("sender_tuning_flow_control", True, None),
        ("pcaps_set", [{"name": True}], "pcaps_set[0].name True: must be text. Quote it: "),
        ("pcaps_set", [{"name": "a", "secret": "abc"}], "pcaps_set[0].secret: must be a whole number. "),
        ("pcaps_set", ["a"], "pcaps_set[0] 'a': must be a dictionary. "),
        (
            "pcaps_set",
            [{"name": "a", "x": 1}],
            "pcaps_set[0].x: is not a key of pcaps_set. Known are name, vlan, secret.",
        ),
    ],
)
def test_a_wrong_value_is_one_line(name: str, value: Any, said: str | None):
    errors = [str(error) for error in VARIABLES.convert(name, value)[1]]
    assert (said is None and errors == []) or (len(errors) == 1 and said in errors[0])


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("pcaps_sets", "Did you mean pcaps_set?"),
        ("Pcaps_set", "Did you mean pcaps_set?"),
        ("netmap-rebind-ok", "Did you mean netmap_rebind_ok?"),
        ("pcap_packets", "Did you mean pcaps_packets?"),
        ("benchmark_colour", "Remove it; "),
        ("lab_stat", "Did you mean lab_state?"),
    ],
)
def test_a_name_that_is_none(name, hint):
    (error,) = VARIABLES.check_name(name)
    assert str(error).startswith(f"{name}: is not a variable of linerate. {hint}")


@pytest.mark.parametrize(
    "name", ["lab_owner", "ansible_host", "ntp_servers", "__netmap_patched", "packet_size", "lab_state"]
)
def test_a_name_of_the_users_own(name):
    assert list(VARIABLES.check_name(name)) == []


@pytest.mark.parametrize("text", ["0", "00", "10", "0.5", "0x10", "1_000", "10: 5"])
def test_a_number_that_yaml_reads_as_written(text):
    assert list(misread("vlan", 10, text)) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0100, b: 2}", "vlan: 0100 is octal in YAML, 10. Write 100, "),
        ("1:30", "vlan: 1:30 is a number in base 60 in YAML, 10. Quote it"),
    ],
)
def test_a_number_that_yaml_reads_as_another(text, said):
    (error,) = misread("vlan", 10, text)
    assert str(error).startswith(said)


def invocation(folder: str, **given: Any) -> list[str]:
    call = {"config": f"{folder}/ansible.cfg", "sources": ["hosts"], "required": ["senders"], "limited": frozenset()}
    groups = {"senders": ["a"], "receivers": ["b"]}
    return [str(error) for error in Invocation(folder, groups=groups, **{**call, **given}).problems()]


def test_a_call_that_does_something(tmp_path):
    assert invocation(str(tmp_path)) == []
    assert invocation(str(tmp_path), limit="a", limited=frozenset("a"), tags=["all"]) == []


def test_a_world_writable_checkout(tmp_path):
    tmp_path.chmod(0o777)
    assert invocation(str(tmp_path)) == []
    said = f"folder '{tmp_path}': is world-writable, so that Ansible ignores its ansible.cfg. Run chmod o-w {tmp_path}."
    assert invocation(str(tmp_path), config=None) == [said]


def test_a_call_elsewhere_names_the_project(tmp_path):
    (said,) = invocation(str(tmp_path), config=None, required=["machines"])
    assert f"Run it in {tmp_path}, whose ansible.cfg names the lab" in said
