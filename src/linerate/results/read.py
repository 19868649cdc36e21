"""Read a stored run: ``run.json``, ``trials.jsonl`` and the samples, validated and checked for consistency.

A run may be unfinished: no trial yet, a trial without a witness, a missing samples file. All of that loads. What is
unreadable, breaks its schema or contradicts itself does not: the error names file, line and rule.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import InputError, ResultError
from .consistency import contradiction, unplanned
from .files import HINT_FILE, RUN_SCHEMA, SCHEMAS, TRIAL_SCHEMA, parse, read_text
from .model import TrialResult
from .run import Run, RunInfo
from .samples import read_samples

RUN, TRIALS = "run.json", "trials.jsonl"
_HINT_RUN = "Name the folder of a run, for example results/latest."


def load_run(path: Path, schemas: Path = SCHEMAS, samples: bool = True) -> Run:
    """The run stored in the folder ``path``; ``schemas`` is the folder of the JSON Schemas.

    Without ``samples``, none are read: a list of runs needs none.

    Raises ResultError naming file, line and rule when something is unreadable or breaks its schema.
    """
    folder = path.resolve()
    if not (folder / RUN).is_file():
        raise ResultError("run folder", str(path), f"contains no {RUN}, so it is not a run", _HINT_RUN)
    file = folder / RUN
    info = _info(parse(read_text(file), str(file), schemas / RUN_SCHEMA), str(file))
    trials = sorted(read_trials(folder / TRIALS, schemas, info), key=lambda trial: trial.sequence)
    read = {trial.trial_id: read_samples(folder / trial.samples) for trial in trials} if samples else {}
    return Run(folder, info, tuple(trials), read)


def _info(data: dict[str, Any], subject: str) -> RunInfo:
    try:
        return RunInfo.from_json(data)
    except InputError as error:
        raise ResultError(subject, f"{error.subject} {error.value}", error.rule, HINT_FILE) from error


def read_trials(path: Path, schemas: Path, info: RunInfo) -> list[TrialResult]:
    """The results in a trials.jsonl of the run of ``info``, in file order; none where the file does not exist yet."""
    planned = {trial.trial_id: trial for trial in info.plan.trials}
    results: list[TrialResult] = []
    lines: dict[str, int] = {}
    # Not splitlines(): it also breaks at U+2028, which may be part of a JSON string.
    for number, line in enumerate(read_text(path).split("\n") if path.exists() else [], start=1):
        if not line.strip():
            continue
        subject = f"{path} line {number}"
        result = TrialResult.from_json(parse(line, subject, schemas / TRIAL_SCHEMA))
        if result.run_id != info.run_id:
            rule = f"run_id must be {info.run_id!r}, as in {RUN}"
            raise ResultError(subject, result.run_id, rule, HINT_FILE)
        first = lines.setdefault(result.trial_id, number)
        if first != number:
            raise ResultError(subject, result.trial_id, f"trial_id is already used by line {first}", HINT_FILE)
        plan = planned.get(result.trial_id)
        wrong = (plan and unplanned(result, plan)) or contradiction(result)
        if wrong:
            raise ResultError(subject, result.trial_id, f"contradicts itself: {wrong}", HINT_FILE)
        results.append(result)
    return results
