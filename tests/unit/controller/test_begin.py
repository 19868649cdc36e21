"""The beginning of a run: its plan, what is not available, and its folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from trial_parts import sent

from linerate.controller.begin import Hosts, begin, line_rate
from linerate.controller.scenario import Scenario
from linerate.errors import HostError, InputError, ResultError
from linerate.netmap.availability import native_unavailable_reason, unavailable_reason
from linerate.results.build import result_of
from linerate.results.store import RunFolder, check
from linerate.system.run import run as run_program
from linerate.trial.engines.base import Resources
from linerate.trial.engines.registry import engine
from linerate.trial.environment import fingerprint, read_environment
from linerate.trial.journal import failed
from linerate.trial.model import LineRate, Port, SendMethod, Trial, Witness

Begin = Callable[..., "tuple[dict[str, Any], list[Trial]]"]
SCHEMAS = Path(__file__).parents[3] / "schemas"
MANIFEST = {
    "path": "/p/a.pcap",
    "sha256": "0" * 64,
    "packets": 64_511,
    "mean_frame_length": 78.0,
    "min_frame_length": 78,
    "max_frame_length": 78,
    "destinations": ["198.19.0.1"],
    "vlan_id": None,
    "vlan_tags": 0,
    "duration_seconds": 0.064510,
}
NO_NETMAP = {"kernel": None, "netmap": "not available on this host: the kernel has no loadable modules"}
ALL = {"kernel": None, "netmap": None, "netmap-native": None, "netmap-emulated": None}


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


@pytest.fixture(scope="module")
def plan(environment) -> Begin:
    """Begin the run ``r``: the send methods that are not available, the fields of the scenario."""

    def run(unavailable: dict[str, str | None], **given: Any) -> tuple[dict[str, Any], list[Trial]]:
        return begin("r", scenario(**given), {"a": MANIFEST}, Hosts(environment, unavailable))

    return run


@pytest.fixture
def begun(environment) -> tuple[dict[str, Any], list[Trial]]:
    return begin("run-1", scenario(), {"a": MANIFEST}, Hosts(environment, NO_NETMAP))


def test_the_run_satisfies_its_schema_and_names_what_is_not_available(begun):
    run, trials = begun
    check(run, SCHEMAS / "run.schema.json")
    assert run["plan"]["unavailable"] == [{"engine": "netmap", "reason": NO_NETMAP["netmap"]}]
    assert [trial.method for trial in trials] == [SendMethod("kernel")] * 4
    assert trials[0].sending.limit == 20_000
    # A trial that comes to nothing is stored with the command that it would have had.
    assert failed(trials[0], "why").argv == tuple(engine("kernel").command(trials[0]))
    bench = trials[0].bench
    assert trials[0].case.pcap_sha256 == "0" * 64
    assert bench.allow_destinations == ("198.18.0.0/15", "2001:2::/48", "02:00:00:00:00:02")
    assert bench.receiver_mtu == 65_536
    assert bench.fingerprint == run["environment"]["fingerprint"]
    assert bench.versions == {"linerate": run["linerate_version"], "tcpreplay": "4.4.3"}
    assert (bench.run_id, bench.sender, bench.receiver) == ("run-1", Port("sender1", "lo"), Port("receiver1", "lo"))
    assert run["plan"]["trials"] == [trial.planned() for trial in trials]
    # 2 repeats of one trial at a rate and one at top speed: 1 s of sending and 2 s around it.
    assert run["plan"]["estimated_seconds"] == 12.0


def test_the_trials_are_passed_on_as_json(begun):
    for trial in begun[1]:
        assert Trial.from_json(json.loads(json.dumps(trial.to_json()))) == trial


def test_the_scenario_decides_how_each_trial_is_sent(plan):
    settings = {"preload_pcap": True}
    given = {"executable": "/opt/tcpreplay", "cpu": 1, "sample_interval": 0.5, "stall_seconds": 9.0, "nm_delay": 2}
    _, trials = plan(NO_NETMAP, settings=settings, deadline_margin=100.0, **given)
    for trial in trials:
        assert {name: getattr(trial.sending, name) for name in given} == given
        assert trial.sending.settings == settings
        assert trial.offered.deadline_seconds == 101.25
        assert engine("kernel").command(trial)[0] == "/opt/tcpreplay"
        assert "--preload-pcap" in engine("kernel").command(trial)


def test_witnesses_are_part_of_the_bench_and_of_the_run_without_a_secret(plan):
    agent = Witness("dut", "snmp", "192.0.2.1", "port2", 161, "2c", 10.0, "given", {"name": "switch1"})
    run, trials = plan(NO_NETMAP, witnesses=(agent,), repeats=1)
    check(run, SCHEMAS / "run.schema.json")
    assert trials[0].bench.witnesses == (agent,)
    assert trials[0].bench.receiver == Port("192.0.2.1", "port2")
    assert run["witnesses"] == [agent.to_json()]
    # Two refreshes of 10 s in a trial, and one before and one after it.
    assert {trial.offered.duration_seconds for trial in trials} == {20.0}
    assert run["plan"]["estimated_seconds"] == 2 * (22 + 20)
    assert len(run["plan"]["notices"]) == 2
    with pytest.raises(InputError, match=r"benchmark_duration_paced 1\.0: is shorter than 2 refreshes"):
        plan(NO_NETMAP, witnesses=(agent,), short_trials="refuse")


def test_a_duration_that_no_trial_has_is_not_too_short_for_a_counter(plan):
    agent = Witness("dut", "snmp", "192.0.2.1", "port2", 161, "2c", 10.0, "given")
    given = {"rates": [{"mode": "pps", "value": 20_000.0}], "duration_seconds": {"paced": 30.0, "topspeed": 1.0}}
    run, _ = plan(NO_NETMAP, witnesses=(agent,), short_trials="refuse", **given)
    assert run["plan"]["notices"] == []


def test_the_port_that_sends_is_no_witness_but_on_the_loopback_interface(plan, environment):
    own = Witness("sender1", "linux", "sender1", "lo")
    assert plan(NO_NETMAP, witnesses=(own,))[1]
    nic = {**environment["sender"]["nic"], "mac": "02:00:00:00:00:01"}
    hosts = Hosts({**environment, "sender": {**environment["sender"], "nic": nic}}, NO_NETMAP)
    with pytest.raises(InputError, match="linux witness 'sender1 lo': is the port that sends"):
        begin("r", scenario(witnesses=(own,)), {"a": MANIFEST}, hosts)


def test_netmap_sends_through_each_available_adapter(plan):
    run, trials = plan(ALL, repeats=1)
    check(run, SCHEMAS / "run.schema.json")
    assert [trial.method.adapter for trial in trials] == [None, "native", "emulated"] * 2
    assert [trial.method.engine for trial in trials] == ["kernel", "netmap", "netmap"] * 2
    assert ["--netmap" in engine(trial.method.engine).command(trial) for trial in trials] == [False, True, True] * 2
    reason = "not available on this host: lo: it has no driver to patch"
    run, trials = plan({**ALL, "netmap-native": reason}, repeats=1)
    check(run, SCHEMAS / "run.schema.json")
    assert run["plan"]["unavailable"] == [{"engine": "netmap", "adapter": "native", "reason": reason}]
    assert {trial.method.adapter for trial in trials} == {None, "emulated"}


def test_only_the_listed_trials_are_run_and_those_that_are_not_available_are_named(plan):
    listed = [
        {"case": "a", "engine": "netmap", "adapter": None, "mode": "mbps", "value": 1000.0},
        {"case": "a", "engine": "kernel", "adapter": None, "mode": "mbps", "value": 5.0},
    ]
    run, trials = plan(NO_NETMAP, trials=listed)
    check(run, SCHEMAS / "run.schema.json")
    assert [trial.trial_id for trial in trials] == ["001-a-kernel-5mbps-r1", "002-a-kernel-5mbps-r2"]
    named = [{"case": "a", "mode": "mbps", "value": 1000.0}]
    assert run["plan"]["unavailable"] == [{"engine": "netmap", "reason": NO_NETMAP["netmap"], "trials": named}]
    run, trials = plan(ALL, trials=listed, repeats=1)
    assert [trial.method.adapter for trial in trials] == ["native", "emulated", None]
    only = [{**listed[0], "adapter": "emulated"}]
    run, trials = plan(ALL, trials=only, repeats=1)
    assert [trial.method.adapter for trial in trials] == ["emulated"]
    run, trials = plan(ALL, trials=listed, repeats=1, adapters={"netmap": ["native"]})
    assert [trial.method.adapter for trial in trials] == ["native", None]


def test_a_pcap_that_an_engine_cannot_send_is_named_and_left_to_the_others(plan, environment):
    long = {**MANIFEST, "max_frame_length": 9014}
    given = scenario(engines=["kernel", "xdp"], adapters={"xdp": ["copy"]}, cases=["a", "long"], repeats=1)
    run, trials = begin("r", given, {"a": MANIFEST, "long": long}, Hosts(environment, {}))
    check(run, SCHEMAS / "run.schema.json")
    assert [(trial.case.name, trial.method.engine) for trial in trials] == [
        *[("a", "kernel"), ("a", "xdp")] * 2,
        *[("long", "kernel")] * 2,
    ]
    reason = "long has frames of 9,014 B, and an XDP socket sends at most 4,095 B"
    loads = [{"case": "long", "mode": "pps", "value": 20_000.0}, {"case": "long", "mode": "topspeed", "value": None}]
    assert run["plan"]["unavailable"] == [{"engine": "xdp", "adapter": "copy", "reason": reason, "trials": loads}]
    few = Hosts(environment, {}, resources=Resources(lockable_bytes=65_536))
    with pytest.raises(InputError, match=r"none can send here \(xdp: a needs 6,.* of locked memory"):
        begin("r", replace(given, engines=["xdp"]), {"a": MANIFEST, "long": long}, few)


def test_a_scenario_that_cannot_run_is_refused(plan):
    with pytest.raises(InputError, match=r"none can send here .netmap: not available"):
        plan(NO_NETMAP, engines=["netmap"])
    with pytest.raises(InputError, match="benchmark_cases 'b'"):
        plan(NO_NETMAP, cases=["b"])
    with pytest.raises(InputError, match=r"none can send here .netmap: no patched driver"):
        plan({**ALL, "netmap-native": "no patched driver"}, engines=["netmap"], adapters={"netmap": ["native"]})
    with pytest.raises(InputError, match="benchmark_netmap_adapters 'warp': must be one of native, emulated"):
        plan(ALL, adapters={"netmap": ["warp"]})


@pytest.mark.parametrize("unavailable", [{}, ALL, NO_NETMAP])
@pytest.mark.parametrize(
    "given",
    [
        {"engines": ["kernel", "warp"]},
        {"trials": [{"case": "a", "engine": "warp", "adapter": None, "mode": "topspeed", "value": None}]},
    ],
    ids=["engines", "trials"],
)
def test_an_unknown_engine_is_one_clear_error(plan, unavailable, given):
    with pytest.raises(InputError) as refused:
        plan(unavailable, **given)
    assert str(refused.value) == "engine 'warp': must be one of kernel, netmap, xdp. Correct benchmark_engines."


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"repeats": 10**9}, "benchmark_repeats 1000000000: must be at most 1,000"),
        (
            {"duration_seconds": {"paced": -1.0, "topspeed": 1.0}},
            "benchmark_duration_paced -1.0: must be a number above 0",
        ),
        ({"rates": [{"mode": "pps", "value": -5.0}]}, "pps -5.0: must be a number above 0"),
        ({"rates": [{"mode": "pps", "value": float("nan")}]}, "pps nan: must be a number above 0"),
        ({"rates": [{"mode": "mbps", "value": 1e-7}]}, "mbps 1e-07: must be 0.001 to 1,000,000,000"),
        ({"link_bps": -1.0}, "link_bps -1.0: must be a number above 0"),
        ({"allow_destinations": ["nonsense"]}, "'nonsense': is neither a MAC nor an IP address"),
        ({"sample_interval": 0.0}, "benchmark_sample_interval 0.0: must be a number above 0"),
        ({"sample_interval": 0.001}, "benchmark_sample_interval 0.001: must be 0.01 to 3,600"),
        ({"stall_seconds": -1.0}, "benchmark_stall_seconds -1.0: must be a number above 0"),
        ({"stall_seconds": float("inf")}, "benchmark_stall_seconds inf: must be a number above 0"),
        # Every rate would be within such a tolerance.
        ({"rate_tolerance_percent": float("nan")}, "benchmark_rate_tolerance_percent nan: must be a number above 0"),
        ({"rate_tolerance_percent": 101.0}, "benchmark_rate_tolerance_percent 101.0: must be 0 to 100"),
        ({"settings": {"multiplier": 2}}, "benchmark_replay_settings 'multiplier': must be one of pps_multi, "),
        ({"settings": {"warp": 2}}, "benchmark_replay_settings 'warp': must be one of pps_multi, "),
        ({"settings": {"unique_ip": True}}, "'unique_ip': would send to other destinations than the pcap's"),
        ({"settings": {"loop": 2}}, "benchmark_replay_settings 'loop': must be one of pps_multi, "),
    ],
)
def test_a_bad_number_is_refused_by_name(plan, given, message):
    with pytest.raises(InputError) as refused:
        plan(NO_NETMAP, **given)
    assert message in str(refused.value)


def test_the_line_rate_is_given_or_that_of_the_interface_or_assumed(environment):
    def nic(speed_bps, kind="physical"):
        return {"nic": {"speed_bps": speed_bps}, "attachment": {**environment["sender"]["attachment"], "kind": kind}}

    assert line_rate(scenario(link_bps=1e9), nic(10**10)) == LineRate(1e9, "given")
    assert line_rate(scenario(), {"nic": {"speed_bps": None}}) == LineRate(10**10, "assumed")
    assert line_rate(scenario(), nic(25 * 10**9)) == LineRate(25 * 10**9, "interface")
    assert line_rate(scenario(), nic(None)) == LineRate(10**10, "assumed")
    # The driver of a virtual link states a speed that is not its limit.
    for kind in ("software", "virtio", "emulated", "ptnet"):
        assert line_rate(scenario(), nic(10**10, kind)) == LineRate(10**10, "virtual")
    assert line_rate(scenario(), nic(None, "software")).limit_bps is None
    assert line_rate(scenario(link_bps=1e9), nic(10**10, "software")).limit_bps == 1e9


def test_results_are_never_overwritten_and_latest_is_the_newest(begun, tmp_path):
    run, _ = begun
    RunFolder.create(tmp_path, run, SCHEMAS)
    with pytest.raises(InputError, match="already has results"):
        RunFolder.create(tmp_path, run, SCHEMAS)
    RunFolder.create(tmp_path, {**run, "run_id": "run-2"}, SCHEMAS)
    assert (tmp_path / "latest").readlink() == Path("run-2")
    assert json.loads((tmp_path / "latest/run.json").read_text())["run_id"] == "run-2"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest", "run-1", "run-2"]


def test_a_record_that_breaks_the_schema_leaves_the_results_as_they_were(begun, tmp_path):
    folder = RunFolder.create(tmp_path, begun[0], SCHEMAS)
    good = result_of(begun[1][0], sent(), [])
    with pytest.raises(ResultError, match=r"trial\.schema\.json"):
        folder.add(replace(good, schema="linerate-trial/0"), "")
    assert (folder.path / "trials.jsonl").read_bytes() == b""
    assert list((folder.path / "samples").iterdir()) == []
    folder.add(good, "")
    assert folder.stored().trials == 1


def test_a_results_folder_that_cannot_be_created_is_one_clear_error(begun, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(HostError, match=r"results folder .*cannot be used: Not a directory"):
        RunFolder.create(tmp_path / "file", begun[0], SCHEMAS)


def test_the_fingerprint_depends_on_the_environment_and_not_on_what_flickers(environment):
    sender = environment["sender"]

    def changed(part: str, **values: Any) -> dict[str, Any]:
        return {**sender, part: {**sender[part], **values}}

    for same in (
        changed("nic", carrier=False, operstate="down"),
        changed("machine", steal_percent=99.0),
        changed("attachment", limits=["The hypervisor took CPUs away."]),
    ):
        assert fingerprint(sender) == fingerprint(same)
    for other in (
        changed("nic", mtu=9000),
        changed("machine", hypervisor="Xen"),
        changed("attachment", kind="passed through", device="8086:10fb"),
    ):
        assert fingerprint(sender) != fingerprint(other)


def test_the_first_reason_against_netmap_is_named(tmp_path):
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


def test_a_native_adapter_needs_a_driver_that_uses_netmap(tmp_path):
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
