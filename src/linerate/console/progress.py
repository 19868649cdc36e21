"""How far the trials of a run are: counts, elapsed and remaining time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable

Json = Mapping[str, Any]


@dataclass
class Progress:
    """The trials of one run. ``planned`` are their estimated seconds by trial id, without those of searches.

    ``ended`` are the ids that have a result, those of an earlier part of a resumed run among them.
    """

    run_dir: str
    planned: dict[str, float]
    ended: set[str] = field(default_factory=set)
    valid: int = 0
    lost: int = 0
    searched: int = 0
    clock: Callable[[], float] = time.monotonic
    since: float = 0.0
    _here: float = 0.0
    """The estimated seconds of the trials that ended here."""

    @classmethod
    def of(
        cls, run_dir: str, trials: Sequence[Json], ended: Sequence[str], clock: Callable[[], float] = time.monotonic
    ) -> Progress:
        """The progress of a run that begins, or is resumed, now."""
        planned = {trial["trial_id"]: float(trial["estimated_seconds"]) for trial in trials}
        return cls(run_dir, planned, set(ended), clock=clock, since=clock())

    @property
    def total(self) -> int:
        return len(self.planned)

    @property
    def done(self) -> int:
        return len(self.ended)

    @property
    def elapsed(self) -> float:
        return self.clock() - self.since

    def add(self, trial: Json, valid: int) -> str:
        """Count a result; ``valid`` is how many the run has. Returns its number: ``7/24``, or ``s3`` in a search."""
        self.valid = valid
        self.lost += max(0, (trial["loss"] or {}).get("packets") or 0)
        if trial["trial_id"] not in self.planned:
            self.searched += 1
            return f"s{self.searched}"
        self.ended.add(trial["trial_id"])
        self._here += self.planned[trial["trial_id"]]
        return self.position(self.done)

    def position(self, number: int) -> str:
        """``7/24``, as wide for every trial of the run."""
        return f"{number:>{len(str(self.total))}}/{self.total}"

    def number(self, trial_id: str) -> str:
        """The number that the next result will have."""
        return self.position(self.done + 1) if trial_id in self.planned else f"s{self.searched + 1}"

    @property
    def remaining(self) -> float:
        """Seconds: the estimate of the missing trials, corrected by how long those so far really took."""
        missing = sum(seconds for name, seconds in self.planned.items() if name not in self.ended)
        return missing * (self.elapsed / self._here if self._here else 1.0)
