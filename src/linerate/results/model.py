"""Read a stored run: ``run.json``, ``trials.jsonl`` and the samples, checked against the schemas.

A run may be unfinished: no trial yet, a trial that nobody witnessed, a samples file that is not there.
All of that loads. What is unreadable or breaks its schema does not: the error names file, line and rule.
"""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from ..errors import ResultError
from ..units import Rates
from ..trial.consistency import contradiction, unplanned
from ..trial.result import SAMPLE_FIELDS

SIDES = ("sender", "receiver")
SCHEMAS = Path(__file__).resolve().parents[3] / "schemas"
"""Where the schemas stand in a checkout: beside ``src``."""

_HINT_RUN = "Give the folder of a run, for example results/latest; a run makes it."
_HINT_FILE = "Restore the file as the run wrote it, or run the trials again."
_SHOWN = 120


@dataclass(frozen=True)
class Sample:
    """What one side counted in one interval. ``elapsed_seconds`` is the END of the interval since sending began."""

    side: str
    elapsed_seconds: float
    interval_seconds: float
    packets: int
    pps: float
    pcap_bps: float


@dataclass(frozen=True)
class Trial:
    """One stored trial: ``record`` is its line of trials.jsonl, ``samples`` is None where the file is missing."""

    record: dict[str, Any]
    samples: tuple[Sample, ...] | None

    @property
    def trial_id(self) -> str:
        return str(self.record["trial_id"])

    @property
    def case(self) -> str:
        return str(self.record["case"]["name"])

    @property
    def engine(self) -> str:
        """How frames left, in words: ``kernel``, ``netmap native``, ``netmap emulated``."""
        return " ".join(part for part in (self.record["engine"], self.adapter["kind"]) if part)

    @property
    def adapter(self) -> dict[str, Any]:
        """netmap's adapter; a record from before it was recorded says nothing of it."""
        nothing: dict[str, Any] = {"kind": None, "found": None, "driver": None, "evidence": []}
        return dict(self.record.get("adapter") or nothing)

    @property
    def mode(self) -> str:
        """``pps``, ``mbps`` or ``topspeed``."""
        return str(self.record["offered"]["mode"])

    @property
    def offered_value(self) -> float | None:
        """The number beside the mode, in the mode's unit; None at top speed."""
        value = self.record["offered"]["value"]
        return None if value is None else float(value)

    @property
    def offered_pps(self) -> float | None:
        """Packets per second asked for; None at top speed."""
        value = self.record["offered"]["pps"]
        return None if value is None else float(value)

    @property
    def paced_pps(self) -> float | None:
        """Packets per second that it had to keep to; None at top speed, and where more was asked for than a line."""
        return None if self.record["offered"]["packets"] is None else self.offered_pps

    @property
    def above_line(self) -> bool:
        """More was asked for than the line carries, so that the trial is judged as one at top speed."""
        return self.offered_pps is not None and self.paced_pps is None

    @property
    def sent(self) -> Rates | None:
        return _rates(self.record["rates"]["sent"])

    @property
    def received(self) -> Rates | None:
        return _rates(self.record["rates"]["received"])

    @property
    def witnessed(self) -> bool:
        """Whether something independent of the sender and the interface counted at the receiver."""
        return self.record["witness"] is not None

    @property
    def loss_packets(self) -> int | None:
        loss = self.record["loss"]
        return None if loss is None else int(loss["packets"])

    @property
    def loss_percent(self) -> float | None:
        loss = self.record["loss"]
        return None if loss is None else float(loss["percent"])

    @property
    def loss_where(self) -> str | None:
        """Where most was lost; None where nothing was, or the record is from before it was looked for."""
        return (self.record["loss"] or {}).get("where")

    @property
    def achieved_percent(self) -> float | None:
        """The rate sent, in percent of the one asked for; None at top speed."""
        if self.sent is None or not self.offered_pps:
            return None
        return 100 * self.sent.pps / self.offered_pps

    @property
    def witnesses(self) -> list[dict[str, Any]]:
        """All who were to count at the receiver; a record from before there could be several says nothing."""
        return list(self.record.get("witnesses", []))

    @property
    def witness_disagreement(self) -> list[dict[str, Any]]:
        """For each two witnesses that counted, their difference."""
        return list(self.record.get("witness_disagreement", []))

    @property
    def cv_percent(self) -> float | None:
        value = self.record["cv_percent"]
        return None if value is None else float(value)

    def curve(self, side: str) -> dict[str, Any] | None:
        """What ``sent`` or ``received`` shows over time (schemas/trial.schema.json); None where nothing was sampled."""
        curve: dict[str, Any] | None = (self.record.get("curve") or {}).get(side)
        return curve

    @property
    def valid(self) -> bool:
        return bool(self.record["verdict"]["valid"])

    @property
    def reasons(self) -> tuple[str, ...]:
        return tuple(self.record["verdict"]["reasons"])

    @property
    def limit(self) -> str:
        return str(self.record["verdict"]["limit"])


@dataclass(frozen=True)
class Run:
    """A stored run: ``info`` is run.json, ``trials`` are in the order they ran."""

    path: Path
    info: dict[str, Any]
    trials: tuple[Trial, ...]

    @property
    def run_id(self) -> str:
        return str(self.info["run_id"])

    @property
    def planned(self) -> tuple[str, ...]:
        """Ids of the planned trials, in plan order."""
        return tuple(str(trial["trial_id"]) for trial in self.info["plan"]["trials"])

    @property
    def missing(self) -> tuple[str, ...]:
        """Ids of planned trials that have no result."""
        done = {trial.trial_id for trial in self.trials}
        return tuple(trial_id for trial_id in self.planned if trial_id not in done)


def load_run(path: Path, schemas: Path | None = None) -> Run:
    """The run stored in the folder ``path``; ``schemas`` defaults to the checkout's own.

    Raises ResultError naming file, line and rule when something is unreadable or breaks its schema.
    """
    folder = path.resolve()
    if not (folder / "run.json").is_file():
        raise ResultError("run folder", str(path), "holds no run.json, so there is no run", _HINT_RUN)
    schemas = SCHEMAS if schemas is None else schemas
    info = _read_info(folder / "run.json", _validator(schemas / "run.schema.json"))
    records = _read_records(folder / "trials.jsonl", _validator(schemas / "trial.schema.json"), info)
    trials = tuple(Trial(record, read_samples(folder / record["samples"])) for record in records)
    return Run(folder, info, tuple(sorted(trials, key=lambda trial: trial.record["sequence"])))


def read_samples(path: Path) -> tuple[Sample, ...] | None:
    """The samples in a CSV file, in file order; None where there is no such file."""
    if not path.exists():
        return None
    rows = list(csv.reader(_text(path).splitlines()))
    if not rows or tuple(rows[0]) != SAMPLE_FIELDS:
        raise ResultError(f"{path} line 1", _short(rows[:1]), f"must be {','.join(SAMPLE_FIELDS)}", _HINT_FILE)
    return tuple(_sample(path, number, row) for number, row in enumerate(rows[1:], start=2))


def _sample(path: Path, number: int, row: list[str]) -> Sample:
    subject = f"{path} line {number}"
    if len(row) != len(SAMPLE_FIELDS) or row[0] not in SIDES:
        rule = f"must be {len(SAMPLE_FIELDS)} values, the first one of {', '.join(SIDES)}"
        raise ResultError(subject, _short(row), rule, _HINT_FILE)
    try:
        numbers = [_finite(value) for value in row[1:]]
        # An interval may end before sending began; what was counted in it is still never negative.
        if min(numbers[1:]) < 0:
            raise ValueError("negative")
        return Sample(row[0], numbers[0], numbers[1], int(row[3]), numbers[3], numbers[4])
    except ValueError as error:
        rule = "the values must be finite numbers, none negative but elapsed_seconds, packets a whole one"
        raise ResultError(subject, _short(row), rule, _HINT_FILE) from error


def _read_info(path: Path, validator: Draft202012Validator) -> dict[str, Any]:
    return _checked(_text(path), str(path), validator)


def _read_records(path: Path, validator: Draft202012Validator, info: dict[str, Any]) -> list[dict[str, Any]]:
    """The records of trials.jsonl, which belong to the run of ``info``; none where the file does not exist yet."""
    run_id, planned = str(info["run_id"]), {str(trial["trial_id"]): trial for trial in info["plan"]["trials"]}
    records: list[dict[str, Any]] = []
    seen: dict[str, int] = {}
    # Not splitlines(): it also breaks at U+2028, which may stand inside a JSON string.
    lines = _text(path).split("\n") if path.exists() else []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        subject = f"{path} line {number}"
        record = _checked(line, subject, validator)
        if record["run_id"] != run_id:
            raise ResultError(subject, record["run_id"], f"run_id must be {run_id!r}, as in run.json", _HINT_FILE)
        first = seen.setdefault(record["trial_id"], number)
        if first != number:
            rule = f"trial_id must be used once; line {first} has it already"
            raise ResultError(subject, record["trial_id"], rule, _HINT_FILE)
        plan = planned.get(record["trial_id"])
        wrong = (plan and unplanned(record, plan)) or contradiction(record)
        if wrong:
            raise ResultError(subject, record["trial_id"], f"contradicts itself: {wrong}", _HINT_FILE)
        records.append(record)
    return records


def _checked(text: str, subject: str, validator: Draft202012Validator) -> dict[str, Any]:
    """The JSON object in ``text``; ResultError where it is not JSON or breaks the schema."""
    try:
        value = json.loads(text, parse_constant=_finite, parse_float=_finite, parse_int=_whole)
    except (ValueError, RecursionError) as error:
        raise ResultError(subject, _short(text), f"must be one JSON value: {error}", _HINT_FILE) from error
    wrong = best_match(validator.iter_errors(value))
    if wrong is not None:
        where = wrong.json_path.removeprefix("$").lstrip(".") or "the whole"
        raise ResultError(subject, _short(wrong.instance), f"{where}: {_rule(wrong)}", _HINT_FILE)
    checked: dict[str, Any] = value
    return checked


def _rule(error: Any) -> str:
    """What the value breaks. jsonschema's own message repeats the value, which may be a whole object."""
    message = str(error.message)
    return message if len(message) <= _SHOWN else f"breaks {error.validator} {_short(error.validator_value)}"


def _validator(path: Path) -> Draft202012Validator:
    try:
        return Draft202012Validator(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        hint = "Run from a checkout installed with `make setup`, or give the folder of the schemas."
        raise ResultError("schema", str(path), f"cannot be read: {error}", hint) from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ResultError("file", str(path), f"cannot be read as UTF-8 text: {error}", _HINT_FILE) from error


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not a finite number")
    return value


def _whole(text: str) -> int:
    # Larger ones are no count of anything here, and overflow when they become a float.
    if len(text) > len("-9223372036854775808"):
        raise ValueError(f"{text[:20]}... is too large a number")
    return int(text)


def _rates(record: dict[str, float] | None) -> Rates | None:
    return None if record is None else Rates(**record)


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
