"""The view of a run, from the results of the modules to the lines."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from synthetic_run import BENCH, RUN_ID, invalid, make_info, make_run, read_trials, unwitness, write_trials

from linerate.console.outcome import Command
from linerate.console.screen import Screen
from linerate.console.view import QUIET_SECONDS, View
from linerate.report.write import write_report

COMMAND = Command("site.yml", "bin/ansible-playbook site.yml -i lab", "bin/linerate")


class Watched:
    """A view in a pipe or on a terminal, with a clock that stands still."""

    def __init__(self, live: bool = False, check: bool = False) -> None:
        self.stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        self.now = 0.0
        self.view = View(Screen(self.stream, live), COMMAND, check, clock=lambda: self.now)

    @property
    def text(self) -> str:
        return self.stream.buffer.getvalue().decode()

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    def new(self) -> str:
        """What was written since the last call."""
        text = self.text
        self.stream.buffer.seek(0)
        self.stream.buffer.truncate()
        return text


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A run of four valid trials, in a folder of its name."""
    return make_run(tmp_path / RUN_ID, trials=4)


def plan(folder: Path, **changes) -> dict:
    """The result of linerate_run for the run in ``folder``."""
    info = make_info(read_trials(folder))
    trials = [{**trial, "bench": BENCH.to_json()} for trial in info["plan"]["trials"]]
    listing = [*(line for trial in trials for line in (trial["trial_id"], "    tcpreplay")), "4 trials: 1 packet"]
    return {"run_dir": str(folder), "plan": info["plan"], "trials": trials, "listing": listing, "ended": [], **changes}


def begin(watched: Watched, folder: Path, **changes) -> None:
    watched.view.play("Run the benchmark")
    watched.view.result("sender1", "linerate_environment_info", {})
    watched.view.result("sender1", "linerate_run", plan(folder, **changes))


def record(watched: Watched, trial: dict, valid: int) -> None:
    watched.view.result(
        "sender1", "linerate_record", {"line": f"{trial['trial_id']}, ...", "trial": trial, "valid": valid}
    )


def test_a_step_has_one_line_with_its_time_and_changes():
    watched = Watched()
    watched.view.play("Install the software")
    watched.view.task("Build the package", "linerate_build")
    watched.now = 31
    watched.view.result("sender1", "linerate_build", {"changed": True})
    watched.view.task("Install it", "linerate_install")
    watched.view.result("sender1", "linerate_install", {"changed": False})
    watched.now = 80
    watched.view.play("Nobody")
    watched.view.no_hosts()
    watched.view.play("All skipped")
    watched.view.end([], None)
    assert watched.lines == [
        "      Build the package  31 s",
        "      Install it  49 s",
        " ok   Install the software  1 min 20 s  (1 changed)",
        " ok   site.yml  1 min 20 s",
    ]


def test_the_messages_of_a_step_are_below_its_line():
    watched = Watched()
    watched.view.play("Tune the senders")
    watched.view.result("sender1", "debug", {"msg": ["governor: not available", "rings: set"]})
    watched.view.result("sender1", "debug", {"msg": {"Machine": "guest of KVM", "Limits": "none"}})
    watched.view.play("Verify")
    watched.view.result("sender1", "debug", {"msg": "14 checks passed"})
    watched.view.stopped(None)
    assert watched.lines[:6] == [
        " ok   Tune the senders  0 s",
        "      governor: not available",
        "      rings: set",
        "      Machine: guest of KVM",
        "      Limits: none",
        "      14 checks passed",
    ]


def test_what_a_task_only_checked_is_no_change():
    watched = Watched()
    watched.view.play("Validate")
    watched.view.result("sender1", "linerate_pcap", {"changed": True}, pretended=True)
    watched.view.play("Generate the pcaps")
    for name in ("udp", "tcp"):
        watched.view.result("sender1", "linerate_pcap", {"changed": True, "name": name})
    watched.view.end([], None)
    assert watched.lines[:2] == [" ok   Validate  0 s", " ok   Generate the pcaps  0 s  (2 pcaps, 2 changed)"]


def test_a_run_has_a_header_a_line_per_trial_and_an_outcome(run_dir):
    watched, records = Watched(), read_trials(run_dir)
    write_report(run_dir)
    begin(watched, run_dir)
    for number, one in enumerate(records, 1):
        record(watched, one, number)
        watched.view.result("sender1", "debug", {"msg": f"{one['trial_id']}, ..."})
    watched.view.result("sender1", "linerate_report", {"report_path": f"{run_dir}/report.html", "summary": "# Run"})
    watched.view.result("sender1", "debug", {"msg": f"# Run\nReport: {run_dir}/report.html"})
    watched.view.end([], None)
    header, netmap, *trials = watched.lines[1:7]
    assert header == "sender1 lrs0 -> receiver1 lrr0    4 trials, about 28 s"
    assert netmap == " !    netmap: the kernel has no loadable modules"
    assert [line.split()[0] for line in trials] == ["1/4", "2/4", "3/4", "4/4"]
    assert " ".join(trials[0].split()) == "1/4 tcp_port_scan_64 kernel 10,000 pps #1 ok 10,000 pps loss 0 pacing"
    outcome = watched.lines[7:]
    assert outcome[1].startswith("PASS  4 of 4 trials valid.")
    assert outcome[2].endswith(", top speed")
    assert outcome[3].startswith("        limit: ")
    assert outcome[-2] == f"      report: file://{run_dir}/report.html"
    assert outcome[-1].startswith("next: bin/ansible-playbook site.yml -i lab")
    assert "# Run" not in watched.text


def test_a_trial_that_is_not_valid_has_its_reasons_and_fails_the_run(run_dir):
    watched, records = Watched(), read_trials(run_dir)
    begin(watched, run_dir)
    records[0] = invalid(records[0], "the sender was stopped: link down")
    unwitness(records[1])
    record(watched, records[0], 0)
    record(watched, records[1], 1)
    first, reason, second = watched.lines[3:6]
    assert "FAIL" in first
    assert reason == "        !  the sender was stopped: link down"
    assert "not witnessed" in second


def test_the_outcome_of_a_run_with_invalid_trials_is_fail(tmp_path):
    run_dir = make_run(tmp_path / RUN_ID, trials=4)
    records = read_trials(run_dir)
    records[0] = invalid(records[0], "link down")
    write_trials(run_dir, records)
    write_report(run_dir)
    watched = Watched()
    begin(watched, run_dir)
    watched.view.result("sender1", "linerate_report", {"report_path": f"{run_dir}/report.html", "summary": ""})
    watched.view.end([], None)
    assert any(line.startswith("FAIL  3 of 4 trials valid.") for line in watched.lines)


def test_a_trial_of_an_earlier_run_is_not_counted_and_its_message_shown(run_dir):
    watched, records = Watched(), read_trials(run_dir)
    begin(watched, run_dir)
    watched.new()
    record(watched, {**records[0], "run_id": "another"}, 9)
    watched.view.result("sender1", "debug", {"msg": f"{records[0]['trial_id']}, ..."})
    watched.view.result("sender1", "linerate_record", {"line": "001 belongs to a run in progress", "valid": 0})
    watched.view.result("sender1", "debug", {"msg": "001 belongs to a run in progress"})
    assert watched.lines == [f"      {records[0]['trial_id']}, ...", "      001 belongs to a run in progress"]


def test_trials_of_a_search_are_numbered_and_its_outcome_is_shown(run_dir):
    watched, records = Watched(), read_trials(run_dir)
    begin(watched, run_dir)
    watched.new()
    for number in (1, 2):
        record(watched, {**records[0], "trial_id": f"throughput-{number}"}, 4 + number)
    watched.view.result("sender1", "linerate_search", {"trial": {}, "lines": ["so far"]})
    watched.view.result("sender1", "linerate_search", {"trial": None, "lines": ["NDR 20,000 pps"]})
    watched.view.result("sender1", "debug", {"msg": ["NDR 20,000 pps"]})
    numbers = [line.split()[0] for line in watched.lines]
    assert numbers == ["s1", "s2", "ok"]
    assert watched.lines[2] == " ok   NDR 20,000 pps"


def test_a_plan_for_validation_is_not_shown(run_dir):
    watched = Watched()
    watched.view.play("Validate the scenario")
    watched.view.result("sender1", "linerate_run", plan(run_dir))
    assert watched.text == ""


def test_check_mode_shows_the_plan_and_what_would_change(run_dir):
    watched = Watched(check=True)
    watched.view.play("Install")
    watched.view.task("Install it", "linerate_install")
    for _ in range(2):
        watched.view.result("sender1", "linerate_install", {"changed": True})
    begin(watched, run_dir)
    watched.view.result("sender1", "debug", {"msg": "\n".join(plan(run_dir)["listing"])})
    watched.view.end([], None)
    assert watched.text.count("      would change: Install it (sender1)\n") == 1
    assert "      4 trials: 1 packet" in watched.lines
    assert watched.lines[-1] == "check site.yml: nothing was changed  0 s"


def test_a_failure_is_one_line_first_and_a_rescued_one_is_no_failure():
    watched = Watched()
    watched.view.play("Start the guests")
    watched.view.failure("guest1", "Wait for the connection", {"msg": "timed out"}, rescued=True)
    watched.view.failure("guest1", "Boot", {"msg": "no console\nmore"}, "playbooks/vm_up.yml:20")
    watched.view.end(["guest1"], "results/ansible.log")
    assert watched.lines == [
        " !    guest1: Wait for the connection: timed out",
        "FAIL  guest1: no console",
        "      more",
        "      in the task: Boot (playbooks/vm_up.yml:20)",
        "FAIL  Start the guests  0 s",
        "FAIL  site.yml  0 s",
        "      log: results/ansible.log",
    ]


def test_an_interrupted_run_says_how_to_continue(run_dir):
    watched, records = Watched(), read_trials(run_dir)
    begin(watched, run_dir)
    record(watched, records[0], 1)
    watched.new()
    watched.view.stopped(None)
    assert watched.lines == [
        "STOP  site.yml  0 s  1 of 4 trials ended, and are stored",
        f"next: bin/ansible-playbook site.yml -i lab -e benchmark_resume={run_dir.name}",
    ]


def test_a_resumed_run_counts_the_trials_that_it_has(run_dir):
    watched, records = Watched(), read_trials(run_dir)
    begin(watched, run_dir, ended=[one["trial_id"] for one in records[:2]])
    watched.new()
    record(watched, records[2], 3)
    assert watched.lines[0].split()[0] == "3/4"


def test_warnings_are_shown_once_and_without_escapes():
    watched = Watched()
    for _ in range(2):
        watched.view.warning("sender1", "odd \x1b[2J host")
    assert watched.lines == [" !    sender1: odd \\x1b[2J host"]


def test_a_pipe_says_what_goes_on_after_a_long_silence():
    watched = Watched()
    watched.view.play("Build")
    watched.view.task("Compile", "linerate_build")
    watched.view.tick()
    assert watched.text == ""
    watched.now = QUIET_SECONDS + 1
    watched.view.tick()
    watched.view.tick()
    assert watched.lines == [" ..   Build: Compile  1 min 1 s"]


def test_a_terminal_shows_the_rate_of_the_running_trial_and_the_remaining_time(run_dir):
    watched, records = Watched(live=True), read_trials(run_dir)
    begin(watched, run_dir)
    watched.view.task("Send", "linerate_replay")
    watched.now = 10
    record(watched, records[0], 1)
    trial = plan(run_dir)["trials"][1]
    watched.view.event({"event": "trial", **trial})
    for number, packets in enumerate((100_000, 200_000), 1):
        interval = {"elapsed_seconds": number, "interval_seconds": 1.0, "packets": packets, "bytes": 1}
        watched.view.event({"event": "interval", **interval})
    watched.new()
    watched.view.tick()
    sending, total = watched.new().removeprefix("\r\x1b[K\x1b[1A\x1b[K").split("\n")
    assert sending.startswith("   2/4  tcp_port_scan_64")
    assert sending.split("#1")[1].split() == [">>", "2.0/5", "s", "200,000", "pps", "▅█"]
    assert total == "[######..................] 1/4  0:10 elapsed  0:30 left   valid 1  lost 0"


@pytest.mark.parametrize("module", ["linerate_run", "linerate_record", "linerate_report", "debug"])
def test_the_results_of_other_playbooks_need_no_run(module):
    watched = Watched()
    watched.view.result("host", module, {"report_path": "/r/report.html", "line": "x", "msg": "said"})
    watched.view.event({"event": "interval", "elapsed_seconds": 1, "interval_seconds": 1, "packets": 1})
    watched.view.end([], None)
