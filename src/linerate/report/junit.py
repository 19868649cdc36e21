"""The trials and gates of a run as JUnit XML, which CI systems show."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from ..results.model import TrialResult
from ..results.run import Run
from .gates import Gate
from .one_line import one_line
from .text import clean

FAILURE, ERROR, SKIPPED = "failure", "error", "skipped"
# XML 1.0 section 2.2 excludes these, and clean() leaves them: they are not control characters.
_NOT_XML = re.compile("[\ufffe\uffff]")


@dataclass(frozen=True)
class Case:
    """One test case. ``problem`` is None where it passed, else its kind (FAILURE, ERROR, SKIPPED) and message."""

    name: str
    seconds: float = 0.0
    problem: tuple[str, str] | None = None
    output: str = ""


@dataclass(frozen=True)
class Suite:
    """Test cases with a common name."""

    name: str
    cases: Sequence[Case]
    timestamp: str | None = None
    properties: Mapping[str, str] | None = None


def run_junit(run: Run, gates: Sequence[Gate]) -> str:
    """A suite of the trials, and one of the gates. Equal runs give equal text."""
    ended = {trial.trial_id: trial for trial in run.trials}
    strict = run.info.gates.fail_on_invalid
    missing = [Case(name, 0.0, (ERROR, "the trial has no result")) for name in run.missing]
    trials = [_trial(trial, FAILURE if strict and trial in run.listed else SKIPPED) for trial in ended.values()]
    properties = {
        "run_id": run.run_id,
        "linerate_version": run.info.linerate_version,
        "fingerprint": run.info.environment.fingerprint,
        "sender": run.info.environment.sender.name,
    }
    stamp = run.info.created_at.removesuffix("Z")
    suites = (
        Suite(f"{run.info.scenario}: trials", [*trials, *missing], stamp, properties),
        Suite(f"{run.info.scenario}: gates", gate_cases(gates), stamp),
    )
    return junit(f"linerate {run.run_id}", suites)


def gate_cases(gates: Sequence[Gate]) -> list[Case]:
    """A test case for each gate."""
    return [
        Case(gate.name, problem=None if gate.passed else (FAILURE, gate.text), output=gate.text if gate.passed else "")
        for gate in gates
    ]


def junit(name: str, suites: Sequence[Suite]) -> str:
    """The document, with the totals that readers expect. Ends with a newline."""
    root = ET.Element("testsuites", {"name": _text(name), **_totals([one for suite in suites for one in suite.cases])})
    for suite in suites:
        element = ET.SubElement(root, "testsuite", {"name": _text(suite.name), **_totals(suite.cases)})
        if suite.timestamp:
            element.set("timestamp", suite.timestamp)
        if suite.properties:
            holder = ET.SubElement(element, "properties")
            for key, value in suite.properties.items():
                ET.SubElement(holder, "property", {"name": key, "value": _text(value)})
        for case in suite.cases:
            _add(element, suite, case)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _add(parent: ET.Element, suite: Suite, case: Case) -> None:
    given = {"classname": f"linerate.{_text(suite.name)}", "name": _text(case.name), "time": f"{case.seconds:.3f}"}
    element = ET.SubElement(parent, "testcase", given)
    if case.problem:
        kind, message = case.problem
        ET.SubElement(element, kind, {"message": _text(message)}).text = _text(message)
    if case.output:
        ET.SubElement(element, "system-out").text = _text(case.output)


def _totals(cases: Sequence[Case]) -> dict[str, str]:
    kinds = [case.problem[0] for case in cases if case.problem]
    counts = {"failures": FAILURE, "errors": ERROR, "skipped": SKIPPED}
    seconds = f"{sum(case.seconds for case in cases):.3f}"
    return {"tests": str(len(cases)), **{key: str(kinds.count(kind)) for key, kind in counts.items()}, "time": seconds}


def _trial(trial: TrialResult, invalid: str) -> Case:
    seconds = trial.claim.seconds if trial.claim else 0.0
    problem = None if trial.valid else (invalid, "not valid: " + "; ".join(trial.verdict.reasons))
    return Case(trial.trial_id, seconds, problem, one_line(trial))


def _text(text: str) -> str:
    return _NOT_XML.sub("", clean(text))
