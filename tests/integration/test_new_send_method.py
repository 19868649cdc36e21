"""A new send method is one class and one registration: it is planned, sent, judged, stored and reported like any."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.dummy_engine import SENDER as SENDER_PROGRAM
from tests.integration.dummy_engine import DummyEngine
from tests.integration.trials import run_python, start_count, stop_count

from linerate.controller.begin import Hosts, begin
from linerate.controller.scenario import Scenario
from linerate.errors import InputError
from linerate.lab.namespaces import RECEIVER, SENDER
from linerate.pcap.manifest import ensure
from linerate.pcap.spec import PcapSpec
from linerate.pcap.template import build_templates
from linerate.report.write import write_report
from linerate.results.build import result_of
from linerate.results.model import TrialResult
from linerate.results.read import load_run
from linerate.results.samples import samples_csv
from linerate.results.store import RunFolder
from linerate.trial.engines import registry
from linerate.trial.engines.registry import engine, register
from linerate.trial.evidence import Sent, WitnessReport
from linerate.trial.journal import interrupted
from linerate.trial.model import Trial
from linerate.trial.plan_text import listing
from linerate.trial.proof import ProofLoad, arrived, proofs
from linerate.trial.verdict import Tolerance
from linerate.trial.witnesses import define, reports_of

pytestmark = pytest.mark.quiet

REPOSITORY = Path(__file__).parents[2]
SCHEMAS = REPOSITORY / "schemas"
PREPARE = f"""
import json, sys
sys.path.insert(0, {str(REPOSITORY)!r})
from linerate.system.run import run
from linerate.trial.engines.registry import engines, register
from tests.integration.dummy_engine import DummyEngine
register(DummyEngine())
"""
"""How the hosts of a run get the send method: its one registration."""
ENVIRONMENT = f"""{PREPARE}
from linerate.trial.engines.base import SenderHost, availability
from linerate.trial.environment import read_environment
interface = json.loads(sys.argv[1])
print(json.dumps([read_environment(interface, run), availability(engines(), SenderHost(interface))]))
"""
REPLAY = f"""{PREPARE}
from linerate.trial.model import Trial
from linerate.trial.replay import replay
trial, journals = json.loads(sys.argv[1])
print(json.dumps(replay(Trial.from_json(trial), run, journals=journals).to_json()))
"""


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The send method, in this process as on the controller; gone after the test."""
    before = list(registry.engines())
    monkeypatch.setattr(registry, "_ENGINES", dict(registry.engines()))
    register(DummyEngine())
    yield
    monkeypatch.undo()
    assert list(registry.engines()) == before
    with pytest.raises(InputError, match="engine 'dummy': must be one of kernel, netmap"):
        engine("dummy")


@pytest.fixture
def planned(lab: None, tmp_path: Path) -> tuple[dict[str, Any], list[Trial]]:
    """A run over the lab's cable: a paced trial and one at top speed."""
    path = str(tmp_path / "a.pcap")
    spec = PcapSpec("udp", packets=500, src_mac=SENDER.mac, dst_mac=RECEIVER.mac)
    manifest = {**ensure(path, spec, build_templates(spec)).manifest.to_json(), "path": path}
    sender, unavailable = json.loads(run_python(SENDER, ENVIRONMENT, SENDER.interface))
    receiver, _ = json.loads(run_python(RECEIVER, ENVIRONMENT, RECEIVER.interface))
    assert unavailable["dummy"] is None
    scenario = Scenario(
        name="a new send method",
        cases=["a"],
        engines=["dummy"],
        rates=[{"mode": "pps", "value": 2000.0}, {"mode": "topspeed", "value": None}],
        repeats=1,
        duration_seconds={"paced": 1.0, "topspeed": 1.0},
        witnesses=define([{"kind": "linux"}], "receiver1", {"receiver1": RECEIVER.interface}),
        deadline_margin=60.0,
        stall_seconds=30.0,
    )
    hosts = Hosts(
        {
            "sender": {**sender, "name": "sender1", "versions": {"tcpreplay": "4.4.3"}},
            "receiver": {**receiver, "name": "receiver1", "versions": {}},
        },
        unavailable,
    )
    return begin("a-run", scenario, {"a": manifest}, hosts)


def send(trial: Trial, journals: Path) -> tuple[Sent, list[WitnessReport]]:
    """Send ``trial`` in the sender's namespace, and count in the receiver's."""
    start_count(trial.trial_id, destinations=trial.case.destinations)
    try:
        sent = Sent.of_result(json.loads(run_python(SENDER, REPLAY, [trial.to_json(), str(journals)])))
    finally:
        counted = stop_count(trial.trial_id)
    return sent, reports_of([[trial.bench.witnesses[0].to_json(), counted]])


def test_it_is_planned_like_any_other(planned: tuple[dict[str, Any], list[Trial]]) -> None:
    run, trials = planned
    assert [trial.trial_id for trial in trials] == ["001-a-dummy-2000pps-r1", "002-a-dummy-topspeed-r1"]
    assert run["plan"]["unavailable"] == []
    assert f"{SENDER_PROGRAM} {SENDER.interface} {trials[0].case.pcap} 2000 2000.0 1.0" in listing(trials)[1]
    (proof,) = proofs(trials, ProofLoad(), 60)
    assert (proof.path, proof.trial.trial_id) == (f"dummy to {trials[0].case.destinations[0]}", "proof-1-dummy")


def test_the_proof_of_arrival_is_sent_by_it(planned: tuple[dict[str, Any], list[Trial]], tmp_path: Path) -> None:
    (proof,) = proofs(planned[1], ProofLoad(), 60)
    assert arrived(proof, *send(proof.trial, tmp_path)).endswith("100 of 100 packets counted at the receiver")


def test_its_trials_are_sent_judged_stored_and_reported(
    planned: tuple[dict[str, Any], list[Trial]], tmp_path: Path
) -> None:
    run, trials = planned
    folder = RunFolder.create(tmp_path, run, SCHEMAS)
    results: list[TrialResult] = []
    for trial in trials:
        sent, reports = send(trial, tmp_path / "journals")
        # Its rate is that of a Python program on a machine of the tests.
        result = result_of(trial, sent, reports, Tolerance(rate_percent=20))
        assert result.verdict.reasons == ()
        assert (result.engine, result.verdict.judged_by) == ("dummy", "sender and receiver")
        assert result.claim
        assert result.witness
        assert result.claim.successful == result.sender_nic.tx_packets == result.witness.packets
        assert folder.add(result, samples_csv(trial, sent, reports))
        results.append(result)
    assert (results[0].witness.packets, results[0].verdict.limit) == (2000, "pacing")
    (last,), wrong = interrupted(str(tmp_path / "journals"))
    assert (last.trial, wrong) == (trials[1], [])

    stored = load_run(folder.path)
    assert stored.trials == tuple(results)
    assert {trial.method.name for trial in stored.info.plan.trials} == {"dummy"}
    written = write_report(folder.path)
    assert "2 of 2 trials valid" in written.text
    for path in (written.report, written.summary, written.data, written.trials):
        assert "dummy" in path.read_text(encoding="utf-8"), path.name
    rows = list(csv.DictReader(written.trials.open(encoding="utf-8")))
    assert [row["engine"] for row in rows] == ["dummy", "dummy"]


def test_a_program_that_fails_makes_a_result_with_the_reasons(
    planned: tuple[dict[str, Any], list[Trial]], tmp_path: Path
) -> None:
    trial = planned[1][0]
    Path(trial.case.pcap).write_bytes(b"not a pcap at all, and more than 24 bytes")
    sent, reports = send(trial, tmp_path)
    assert (sent.claim, sent.claim_error) == (None, "the dummy printed no count")
    result = result_of(trial, sent, reports)
    assert not result.valid
    assert result.verdict.reasons == (f"{Path(sent.argv[0]).name} ended with status 1", "the dummy printed no count")
