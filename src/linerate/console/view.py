"""The view of a playbook: a line for each step and each trial, problems in full, and on a terminal what runs now.

It knows Ansible by plain values only: names, hosts, and the results of modules.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

from ..report.text import clean, count
from . import text
from .outcome import Command, best_rates, change, compared, failed_gates, next_command, passed, read_summary
from .problem import problem
from .progress import Progress
from .screen import Screen

LONG_TASK = 5.0
"""A task that took so many seconds has a line of its own."""
QUIET_SECONDS = 60.0
"""In a pipe, a line says what goes on after so long without one: CI systems end what is silent."""
_TRIAL_MODULES = ("linerate_replay", "linerate_receive", "linerate_record", "linerate_snmp_info", "linerate_proof")
_ALL_PASSED = "All assertions passed"

Json = Mapping[str, Any]


@dataclass
class Step:
    """A play: since when, how many tasks ran and changed something, and what its line states.

    ``messages`` are the playbook's own, shown below that line.
    """

    name: str
    since: float
    ran: int = 0
    changed: int = 0
    pcaps: int = 0
    failed: bool = False
    environment_known: bool = False
    messages: list[str] = field(default_factory=list)


@dataclass
class Running:
    """The trial that is being sent: the event of its start, since when, and its rates so far."""

    trial: Json
    since: float
    elapsed: float = 0.0
    rates: list[float] = field(default_factory=list)


class View:
    """Draws on ``screen``. Every method may be called with any result; none waits."""

    def __init__(
        self, screen: Screen, command: Command, check: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._screen, self._command, self._check, self._clock = screen, command, check, clock
        self._since = self._spoke = clock()
        self._step: Step | None = None
        self._task: tuple[str, str, float] | None = None
        self._running: Running | None = None
        self._progress: Progress | None = None
        self._widths = text.widths(())
        self._reports: list[str] = []
        self._shown: set[str] = set()
        self._warned: set[str] = set()
        self._failed = False
        self._modules: dict[str, Callable[[str, Json], None]] = {
            "linerate_environment_info": self._environment,
            "linerate_run": self._planned,
            "linerate_proof": self._arrived,
            "linerate_record": self._recorded,
            "linerate_search": self._searched,
            "linerate_report": self._reported,
            "debug": self._message,
            "assert": self._message,
        }

    def play(self, name: str) -> None:
        """A play starts; the one before has ended."""
        self._end_task()
        self._end_step()
        self._step = Step(name, self._clock())
        self.tick()

    def no_hosts(self) -> None:
        """The play has no hosts."""
        self._step = None

    def task(self, name: str, module: str) -> None:
        """A task starts; the one before has ended."""
        self._end_task()
        self._task = (name, module, self._clock())
        self.tick()

    def result(self, host: str, module: str, result: Json, pretended: bool = False) -> None:
        """A task, or an item of its loop, succeeded on ``host``; where it ``pretended``, it changed nothing."""
        step = self._step
        if step:
            step.ran += 1
            if not pretended:
                step.pcaps += module == "linerate_pcap"
                step.changed += bool(result.get("changed"))
        if self._check and result.get("changed") and module not in (*_TRIAL_MODULES, "linerate_run"):
            self._would_change(host)
        handler = self._modules.get(module)
        if handler:
            handler(host, result)

    def warning(self, host: str, message: str) -> None:
        """A module warns; the same text is shown once."""
        message = clean(message)
        if message not in self._warned:
            self._warned.add(message)
            self._say(f" !    {host}: {message}", "warn")

    def failure(self, host: str, task: str, result: Json, path: str | None = None, rescued: bool = False) -> None:
        """A task failed on ``host``. Where it is ``rescued``, the playbook goes on, and a line is enough."""
        self._say_messages()
        first, *others = problem(result)
        if rescued:
            self._say(f" !    {host}: {task}: {first}", "warn")
            return
        self._failed = True
        if self._step:
            self._step.ran += 1
            self._step.failed = True
        self._say(f"FAIL  {host}: {first}", "bad")
        for line in others:
            self._say(f"      {line}")
        self._say(f"      in the task: {task}" + (f" ({path})" if path else ""), "dim")

    def event(self, event: Json) -> None:
        """What a process that runs a trial tells: that it begins, or how fast it sends."""
        if event.get("event") == "trial":
            self._running = Running(event, self._clock())
        elif event.get("event") == "interval" and self._running:
            self._running.elapsed = event["elapsed_seconds"]
            self._running.rates.append(event["packets"] / max(event["interval_seconds"], 1e-3))

    def tick(self) -> None:
        """Draw what runs now; in a pipe a line after a long silence."""
        now = self._clock()
        if self._screen.live:
            self._screen.status(self._status(now))
        elif now - self._spoke > QUIET_SECONDS and self._step and self._task:
            self._say(self._doing(now))

    def end(self, failed_hosts: Sequence[str], log: str | None) -> None:
        """The playbook has ended; ``failed_hosts`` failed or were unreachable."""
        self._end_task()
        self._end_step()
        self._screen.status([])
        failed = self._failed or bool(failed_hosts)
        if self._reports:
            for run_dir in self._reports:
                failed = self._outcome(run_dir, failed) or failed
        else:
            word = "FAIL" if failed else "check" if self._check else " ok"
            nothing = ": nothing was changed" if self._check and not failed else ""
            style = "bad" if failed else "ok"
            self._say(f"{word:<5} {self._command.playbook}{nothing}  {self._took()}", style)
        if failed and log:
            self._say(f"      log: {log}")
        self._say_next(failed)

    def stopped(self, log: str | None) -> None:
        """The playbook was interrupted, or ended with an error of Ansible itself."""
        self._screen.status([])
        self._say_messages()
        done = ""
        if self._progress:
            done = f"  {self._progress.done} of {count(self._progress.total, 'trial')} ended, and are stored"
        self._say(f"STOP  {self._command.playbook}  {self._took()}{done}", "bad")
        if log:
            self._say(f"      log: {log}")
        self._say_next(True)

    def _say(self, line: str = "", style: str | None = None) -> None:
        self._spoke = self._clock()
        self._screen.line(line, style)

    def _say_next(self, failed: bool) -> None:
        progress = self._progress
        if progress is None or self._check or not Path(progress.run_dir).is_dir():
            return
        complete = progress.done == progress.total
        if failed and complete:
            return
        first = self._reports[0] if len(self._reports) > 1 else None
        self._say(f"next: {next_command(self._command, progress.run_dir, complete, first)}", "dim")

    def _took(self) -> str:
        return text.duration(self._clock() - self._since)

    def _end_task(self) -> None:
        if self._task and not self._running:
            name, module, since = self._task
            took = self._clock() - since
            if took >= LONG_TASK and module not in _TRIAL_MODULES:
                self._say(f"      {name}  {text.duration(took)}", "dim")
        self._task = None

    def _end_step(self) -> None:
        step = self._step
        if step is None or not step.ran or (step.environment_known and not step.failed):
            self._step = None
            return
        notes = [
            *([count(step.pcaps, "pcap")] if step.pcaps else []),
            *([f"{step.changed} {'would change' if self._check else 'changed'}"] if step.changed else []),
        ]
        self._say(
            f"{'FAIL' if step.failed else ' ok '}  {step.name}  {text.duration(self._clock() - step.since)}"
            + (f"  ({', '.join(notes)})" if notes else ""),
            "bad" if step.failed else None,
        )
        self._say_messages()
        self._step = None

    def _say_messages(self) -> None:
        """The messages of the step so far."""
        if self._step:
            for line in self._step.messages:
                self._say(f"      {line}", "dim")
            self._step.messages.clear()

    def _environment(self, host: str, result: Json) -> None:
        # Before a play has read the environment, a plan is for validation only.
        if self._step:
            self._step.environment_known = True
            self._say_messages()

    def _planned(self, host: str, result: Json) -> None:
        trials = result.get("trials") or []
        if not (trials and self._step and self._step.environment_known):
            return
        line = text.header(trials, result["plan"]["estimated_seconds"])
        if line not in self._shown:
            self._shown.add(line)
            if not (self._check or result.get("searches")):
                # The total, which the header has. Check mode shows the whole plan.
                self._shown.add(result["listing"][-1])
            self._widths = text.widths(trials)
            self._say()
            self._say(line, "strong")
            self._say_limits(result["plan"])
        self._progress = Progress.of(result["run_dir"], trials, result.get("ended") or (), self._clock)
        # Messages with the folder of the run repeat what the end of the view says.
        self._shown.add(result["run_dir"])

    def _say_limits(self, plan: Json) -> None:
        for notice in plan["notices"]:
            self._say(f" !    {clean(notice)}", "warn")
            self._shown.add(notice)
        for missing in plan["unavailable"]:
            name = "-".join(part for part in (missing["engine"], missing.get("adapter")) if part)
            self._say(f" !    {name}: {clean(missing['reason'])}", "warn")
            self._shown.add(missing["reason"])

    def _would_change(self, host: str) -> None:
        line = f"      would change: {self._task[0]} ({host})" if self._task else ""
        if line and line not in self._warned:
            self._warned.add(line)
            self._say(line)

    def _arrived(self, host: str, result: Json) -> None:
        self._shown.add(result["line"])
        self._say(f" ok   arrival: {clean(result['line'])}")

    def _recorded(self, host: str, result: Json) -> None:
        self._running = None
        trial = result.get("trial")
        # The playbook's own message shows what was stored of an earlier run, or why nothing was.
        if not trial or self._progress is None or trial["run_id"] != Path(self._progress.run_dir).name:
            return
        self._shown.add(result["line"])
        number = self._progress.add(trial, result["valid"])
        valid = trial["verdict"]["valid"]
        line = f"{number:>6}  {text.what(trial, self._widths)}  {'ok' if valid else 'FAIL':<4} {text.outcome(trial)}"
        self._say(line.rstrip(), None if valid else "bad")
        for note in text.notes(trial):
            self._say(f"        !  {note}", "warn")

    def _searched(self, host: str, result: Json) -> None:
        if result.get("trial") is None:
            for line in result["lines"]:
                self._say(f" ok   {clean(line)}")
                self._shown.add(line)

    def _reported(self, host: str, result: Json) -> None:
        self._shown.add(result["report_path"])
        run_dir = result["report_path"].rpartition("/")[0]
        if not self._check and run_dir not in self._reports:
            self._reports.append(run_dir)

    def _message(self, host: str, result: Json) -> None:
        """A message of the playbook, unless it repeats what was shown."""
        message = result.get("msg")
        parts = message if isinstance(message, list) else [message]
        if isinstance(message, Mapping):
            parts = [f"{name}: {text}" for name, text in message.items()]
        lines = [line for part in parts for line in str(part or "").split("\n")]
        if message in (None, _ALL_PASSED) or any(known and known in line for known in self._shown for line in lines):
            return
        if self._step and not self._step.environment_known:
            self._step.messages += [clean(line) for line in lines]
            return
        for line in lines:
            self._say(f"      {clean(line)}")

    def _status(self, now: float) -> list[str]:
        progress = self._progress
        doing = self._doing(now)
        if progress is None or not progress.run_dir or self._check:
            return [doing] if doing else []
        if self._running:
            doing = self._sending(now, self._running, progress)
        share = progress.done / progress.total
        left = f"  {text.clock(progress.remaining)} left" if progress.remaining else ""
        return [
            doing,
            f"{text.bar(share)} {progress.done}/{progress.total}  {text.clock(progress.elapsed)} elapsed{left}   "
            f"valid {progress.valid}  lost {progress.lost:,}",
        ]

    def _doing(self, now: float) -> str:
        if not (self._step and self._task):
            return ""
        name, _, since = self._task
        return f" ..   {self._step.name}: {name}  {text.duration(now - since)}"

    def _sending(self, now: float, running: Running, progress: Progress) -> str:
        trial = running.trial
        seconds = trial["offered"]["duration_seconds"]
        # Until the first interval arrives, sending may not have begun; where none can be read, none will.
        so_far = text.duration(now - running.since)
        if running.rates:
            drawn = text.curve(running.rates, self._screen.ascii_only)
            so_far = f"{min(running.elapsed, seconds):.1f}/{seconds:g} s  {text.rate(running.rates[-1])}  {drawn}"
        number = progress.number(trial["trial_id"])
        return f"{number:>6}  {text.what(trial, self._widths)}   >>  {so_far}"

    def _outcome(self, run_dir: str, failed: bool) -> bool:
        """Print the outcome of a run; whether it failed."""
        summary = read_summary(run_dir)
        if summary is None:
            return False
        good = passed(summary) and not failed
        self._say()
        self._say(f"{'PASS' if good else 'FAIL'}  {clean(summary['verdict'])}  {self._took()}", "ok" if good else "bad")
        for line in (*failed_gates(summary), *best_rates(summary), *compared(summary), *change(summary)):
            self._say(f"      {line}")
        self._say(f"      report: file://{run_dir}/report.html")
        return not good
