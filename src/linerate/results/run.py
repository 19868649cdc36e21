"""A stored run: the plan and the environment of run.json, the results of its trials, and their samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from ..nic.attachment import Attachment
from ..nic.read import Nic
from ..record import Record
from ..system.machine import Machine
from ..trial.model import PlannedTrial, Witness
from .expect import Gates
from .model import TrialResult
from .samples import SideSample
from .searches import Search


@dataclass(frozen=True)
class Lab(Record):
    """The embedded lab of a run, and the ``reason`` for its ``backend``."""

    backend: str
    reason: str


@dataclass(frozen=True)
class OmittedTrial(Record):
    """A trial of the scenario whose send method is not available."""

    case: str
    mode: str
    value: float | None


@dataclass(frozen=True)
class Unavailable(Record):
    """An engine, or one adapter of it, that is not available on the sender, and the trials that it would have sent."""

    PARTS: ClassVar[Mapping[str, type[Any]]] = {"trials": OmittedTrial}

    engine: str
    reason: str
    adapter: str | None = None
    trials: tuple[OmittedTrial, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As in run.json: without an adapter and without trials where there are none."""
        return {name: value for name, value in super().to_json().items() if value}


@dataclass(frozen=True)
class Plan(Record):
    """The planned trials in their order. ``notices`` are differences of the plan from the scenario, in words."""

    PARTS: ClassVar[Mapping[str, type[Any]]] = {"trials": PlannedTrial, "unavailable": Unavailable}

    trials: tuple[PlannedTrial, ...]
    unavailable: tuple[Unavailable, ...]
    estimated_seconds: float
    notices: tuple[str, ...]


@dataclass(frozen=True)
class Tuning(Record):
    """How a host's interface and CPUs are tuned (tuning.describe); ``before`` are the settings before tuning."""

    rings: Mapping[str, int] | None
    flow_control: Mapping[str, bool] | None
    irq_affinity: tuple[str, ...]
    irqbalance: bool
    isolated_cpus: str
    cpu: int | None
    before: Mapping[str, Mapping[str, str]] | None


@dataclass(frozen=True)
class Host(Record):
    """A host of the run. ``machine`` and ``attachment`` are None in runs that did not record them."""

    PARTS: ClassVar[Mapping[str, type[Any]]] = {
        "nic": Nic,
        "tuning": Tuning,
        "machine": Machine,
        "attachment": Attachment,
    }

    name: str
    kernel: str
    os: str
    cpu_model: str
    cpus: int
    memory_bytes: int
    governor: str | None
    python: str
    versions: Mapping[str, str]
    nic: Nic
    tuning: Tuning
    machine: Machine | None = None
    attachment: Attachment | None = None


@dataclass(frozen=True)
class Environment(Record):
    """The hosts that the results belong to; ``receiver`` is None where it is not a host of the inventory."""

    PARTS: ClassVar[Mapping[str, type[Any]]] = {"sender": Host, "receiver": Host}

    fingerprint: str
    sender: Host
    receiver: Host | None


@dataclass(frozen=True)
class RunInfo(Record):
    """run.json (schemas/run.schema.json). ``lab`` is None on real hosts."""

    PARTS: ClassVar[Mapping[str, type[Any]]] = {
        "lab": Lab,
        "plan": Plan,
        "witnesses": Witness,
        "environment": Environment,
        "searches": Search,
        "gates": Gates,
    }

    schema: str
    run_id: str
    created_at: str
    linerate_version: str
    scenario: str
    lab: Lab | None
    plan: Plan
    witnesses: tuple[Witness, ...]
    environment: Environment
    searches: tuple[Search, ...] = ()
    gates: Gates = field(default_factory=Gates)

    @property
    def loopback(self) -> bool:
        """Whether the run sent over the loopback interface, for want of network namespaces."""
        return self.lab is not None and self.lab.backend == "loopback"

    @property
    def virtual_link(self) -> bool:
        """Whether the sender's link exists in software only, so that its speed is not a limit."""
        attachment = self.environment.sender.attachment
        return self.lab is not None or (attachment is not None and attachment.virtual)


@dataclass(frozen=True)
class Run:
    """A stored run. ``trials`` are in the order they ran; ``samples``, by trial id, are None without a file."""

    path: Path
    info: RunInfo
    trials: tuple[TrialResult, ...]
    samples: Mapping[str, tuple[SideSample, ...] | None]

    @property
    def run_id(self) -> str:
        return self.info.run_id

    @property
    def valid(self) -> tuple[TrialResult, ...]:
        """The valid trials."""
        return tuple(trial for trial in self.trials if trial.valid)

    @property
    def listed(self) -> tuple[TrialResult, ...]:
        """The trials of the plan, without those of searches."""
        searched = self.info.searches
        return tuple(trial for trial in self.trials if not any(one.owns(trial.trial_id) for one in searched))

    @property
    def has_line_rate(self) -> bool:
        """Whether rates can be stated in percent of line rate: the link is a real one, or its speed was given."""
        given = any(trial.line_rate.source == "given" for trial in self.trials)
        return given or not self.info.virtual_link

    @property
    def missing(self) -> tuple[str, ...]:
        """Ids of planned trials that have no result, in plan order."""
        ended = {trial.trial_id for trial in self.trials}
        return tuple(trial.trial_id for trial in self.info.plan.trials if trial.trial_id not in ended)
