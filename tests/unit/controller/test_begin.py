"""A run begins: the plan, what cannot be had, and results that are written whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from linerate.controller.begin import begin, line_rate
from linerate.controller.scenario import Scenario
from linerate.errors import HostError, InputError, ResultError
from linerate.netmap.availability import native_unavailable_reason, unavailable_reason
from linerate.results.store import RunFolder, check
from linerate.system.run import run as run_program
from linerate.trial.environment import fingerprint, read_environment
from linerate.trial.journal import failed

SCHEMAS = Path(__file__).parents[3] / "schemas"
MANIFEST = {
    "path": "/p/a.pcap",
    "sha256": "0" * 64,
    "packets": 64_511,
    "mean_frame_length": 78.0,
    "min_frame_length": 78,
    "max_frame_length": 78,
    "parameters": {"dst_ip": "198.19.0.1", "vlan": None},
}
NO_NETMAP = {"netmap": "not available on this host: the kernel has no loadable modules"}


def scenario(**given: Any) -> Scenario:
    return Scenario(
        **{
            "name": "default",
            "cases": ["a"],
            "engines": ["kernel", "netmap"],
            "rates": [{"mode": "pps", "value": 20_000.0}, {"mode": "topspeed", "value": None}],
            "repeats": 2,
            "duration_seconds": {"paced": 1.0, "topspeed": 1.0},
            **given,
        }
    )


@pytest.fixture(scope="module")
def environment() -> dict[str, Any]:
    here = read_environment("lo", run_program)
    return {
        "sender": {**here, "name": "sender1", "versions": {"tcpreplay": "4.4.3"}},
        "receiver": {**here, "name": "receiver1", "versions": {}},
    }


@pytest.fixture
def begun(environment) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    return begin("run-1", scenario(), {"a": MANIFEST}, NO_NETMAP, environment, None)


def test_the_run_satisfies_its_schema_and_says_what_cannot_be_had(begun):
    run, trials = begun
    check(run, SCHEMAS / "run.schema.json")
    assert run["plan"]["unavailable"] == [{"engine": "netmap", "reason": NO_NETMAP["netmap"]}]
    assert [trial["planned"]["engine"] for trial in trials] == ["kernel"] * 4
    assert trials[0]["replay"]["limit"] == 20_000
    # A trial that comes to nothing is stored with the command that it would have had.
    assert failed(trials[0], "why")["argv"] == trials[0]["argv"]
    networks = ["198.18.0.0/15", "2001:2::/48"]
    told = {"pcap_sha256": "0" * 64, "allow_destinations": [*networks, "02:00:00:00:00:02"], "receiver_mtu": 65_536}
    assert trials[0]["look"] == told
    assert trials[0]["context"]["fingerprint"] == run["environment"]["fingerprint"]


def test_netmap_sends_through_each_adapter_that_can_be_had(environment):
    run, trials = begin("r", scenario(repeats=1), {"a": MANIFEST}, {}, environment, None)
    check(run, SCHEMAS / "run.schema.json")
    assert [trial["replay"]["adapter"] for trial in trials] == [None, "native", "emulated"] * 2
    assert [trial["replay"]["netmap"] for trial in trials] == [False, True, True] * 2
    reason = "not available on this host: lo: it has no driver to patch"
    run, trials = begin("r", scenario(repeats=1), {"a": MANIFEST}, {"native": reason}, environment, None)
    check(run, SCHEMAS / "run.schema.json")
    assert run["plan"]["unavailable"] == [{"engine": "netmap", "adapter": "native", "reason": reason}]
    assert {trial["replay"]["adapter"] for trial in trials} == {None, "emulated"}


def test_listed_trials_are_all_that_is_run_and_those_that_cannot_be_had_are_named(environment):
    listed = [
        {"case": "a", "engine": "netmap", "adapter": None, "mode": "mbps", "value": 1000.0},
        {"case": "a", "engine": "kernel", "adapter": None, "mode": "mbps", "value": 5.0},
    ]
    run, trials = begin("r", scenario(trials=listed), {"a": MANIFEST}, NO_NETMAP, environment, None)
    check(run, SCHEMAS / "run.schema.json")
    assert [trial["planned"]["trial_id"] for trial in trials] == ["001-a-kernel-5mbps-r1", "002-a-kernel-5mbps-r2"]
    named = [{"case": "a", "mode": "mbps", "value": 1000.0}]
    assert run["plan"]["unavailable"] == [{"engine": "netmap", "reason": NO_NETMAP["netmap"], "trials": named}]
    run, trials = begin("r", scenario(trials=listed, repeats=1), {"a": MANIFEST}, {}, environment, None)
    assert [trial["replay"]["adapter"] for trial in trials] == ["native", "emulated", None]
    only = [{**listed[0], "adapter": "emulated"}]
    run, trials = begin("r", scenario(trials=only, repeats=1), {"a": MANIFEST}, {}, environment, None)
    assert [trial["replay"]["adapter"] for trial in trials] == ["emulated"]


def test_a_scenario_that_cannot_run_is_refused(environment):
    with pytest.raises(InputError, match=r"none can send here .netmap: not available"):
        begin("r", scenario(engines=["netmap"]), {"a": MANIFEST}, NO_NETMAP, environment, None)
    with pytest.raises(InputError, match="case 'b'"):
        begin("r", scenario(cases=["b"]), {"a": MANIFEST}, NO_NETMAP, environment, None)
    only_native = scenario(engines=["netmap"], netmap_adapters=["native"])
    with pytest.raises(InputError, match=r"none can send here .netmap: no patched driver"):
        begin("r", only_native, {"a": MANIFEST}, {"native": "no patched driver"}, environment, None)
    with pytest.raises(InputError, match="netmap adapter 'warp'"):
        begin("r", scenario(netmap_adapters=["warp"]), {"a": MANIFEST}, {}, environment, None)
    with pytest.raises(InputError, match="engine 'warp'"):
        begin("r", scenario(engines=["warp"]), {"a": MANIFEST}, {}, environment, None)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"repeats": 10**9}, "repeats 1000000000: must be at most 1,000"),
        ({"duration_seconds": {"paced": -1.0, "topspeed": 1.0}}, "duration -1.0: must be a number above 0"),
        ({"rates": [{"mode": "pps", "value": -5.0}]}, "pps -5.0: must be a number above 0"),
        ({"rates": [{"mode": "pps", "value": float("nan")}]}, "pps nan: must be a number above 0"),
        ({"rates": [{"mode": "mbps", "value": 1e-7}]}, "mbps 1e-07: must be 0.001 to 1,000,000,000"),
        ({"link_bps": -1.0}, "link_bps -1.0: must be a number above 0"),
        ({"allow_destinations": ["nonsense"]}, "'nonsense': is neither a MAC nor an IP address"),
        ({"sample_interval": 0.0}, "benchmark_sample_interval 0.0: must be a number above 0"),
        ({"sample_interval": 0.001}, "benchmark_sample_interval 0.001: must be 0.01 to 3,600"),
        ({"stall_seconds": -1.0}, "benchmark_stall_seconds -1.0: must be a number above 0"),
        ({"stall_seconds": float("inf")}, "benchmark_stall_seconds inf: must be a number above 0"),
        # No rate is further off than that is.
        ({"rate_tolerance_percent": float("nan")}, "benchmark_rate_tolerance_percent nan: must be a number above 0"),
        ({"rate_tolerance_percent": 101.0}, "benchmark_rate_tolerance_percent 101.0: must be 0 to 100"),
        ({"settings": {"multiplier": 2}}, "exclude each other"),
        ({"settings": {"warp": 2}}, "benchmark_replay_settings 'warp': must be among multiplier, "),
        ({"settings": {"unique_ip": True}}, "'unique_ip': would send to other destinations than the pcap's"),
        ({"settings": {"loop": 2}}, "benchmark_replay_settings 'loop': must be among multiplier, "),
    ],
)
def test_a_bad_number_is_refused_by_name(environment, given, message):
    with pytest.raises(InputError) as refused:
        begin("r", scenario(**given), {"a": MANIFEST}, NO_NETMAP, environment, None)
    assert message in str(refused.value)


def test_whose_word_the_line_rate_is():
    assert line_rate(scenario(link_bps=1e9), {"speed_bps": 10**10}) == {"bps": 1e9, "source": "given"}
    assert line_rate(scenario(), {"speed_bps": 25 * 10**9}) == {"bps": 25 * 10**9, "source": "interface"}
    assert line_rate(scenario(), {"speed_bps": None}) == {"bps": 10**10, "source": "assumed"}


def test_results_are_never_written_over_and_latest_is_the_newest(begun, tmp_path):
    run, _ = begun
    RunFolder.create(tmp_path, run, SCHEMAS)
    with pytest.raises(InputError, match="has results already"):
        RunFolder.create(tmp_path, run, SCHEMAS)
    RunFolder.create(tmp_path, {**run, "run_id": "run-2"}, SCHEMAS)
    assert (tmp_path / "latest").readlink() == Path("run-2")
    assert json.loads((tmp_path / "latest/run.json").read_text())["run_id"] == "run-2"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest", "run-1", "run-2"]


def test_a_record_that_breaks_the_schema_leaves_the_results_as_they_were(begun, tmp_path):
    folder = RunFolder.create(tmp_path, begun[0], SCHEMAS)
    with pytest.raises(ResultError, match=r"trial\.schema\.json"):
        folder.add({"schema": "linerate-trial/1", "samples": "samples/x.csv"}, "")
    assert folder.trials() == []
    assert list((folder.path / "samples").iterdir()) == []


def test_a_results_folder_that_cannot_be_made_is_one_clear_error(begun, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(HostError, match=r"results folder .*cannot be used: Not a directory"):
        RunFolder.create(tmp_path / "file", begun[0], SCHEMAS)


def test_the_fingerprint_follows_the_environment_and_not_the_flicker_of_the_link(environment):
    sender = environment["sender"]
    flickering = {**sender, "nic": {**sender["nic"], "carrier": False, "operstate": "down"}}
    other = {**sender, "nic": {**sender["nic"], "mtu": 9000}}
    assert fingerprint(sender) == fingerprint(flickering)
    assert fingerprint(sender) != fingerprint(other)


def test_the_first_thing_in_netmap_s_way_is_named(tmp_path):
    def reason(interface: str = "ens17", built_in: bool = True) -> str | None:
        return unavailable_reason(interface, built_in, str(tmp_path))

    assert "no loadable modules" in str(reason())
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/modules").touch()
    assert "loopback" in str(reason("lo"))
    assert "not loaded" in str(reason())
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/netmap").touch()
    assert "without netmap" in str(reason(built_in=False))
    assert reason() is None


def test_a_native_adapter_takes_a_driver_that_uses_netmap(tmp_path):
    device = tmp_path / "sys/class/net/ens4/device/driver"
    device.mkdir(parents=True)
    (tmp_path / "sys/module/e1000").mkdir(parents=True)
    (device / "module").symlink_to(tmp_path / "sys/module/e1000")
    (tmp_path / "sys/class/net/veth0").mkdir()
    root = str(tmp_path)
    assert str(native_unavailable_reason("ens4", root)).endswith("ens4: its driver e1000 is not patched for netmap")
    assert str(native_unavailable_reason("veth0", root)).endswith("veth0: it has no driver to patch")
    (tmp_path / "sys/module/netmap/holders/e1000").mkdir(parents=True)
    assert native_unavailable_reason("ens4", root) is None
