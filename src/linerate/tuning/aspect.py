"""The interface of the aspects of a sender's tuning, and the options they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Protocol

from ..errors import HostError, InputError
from ..system.run import Runner, checked
from .cpus import parse_cpus

LEAVE = "leave"
"""The value that leaves an aspect unchanged."""


@dataclass(frozen=True)
class TuningOptions:
    """The tuning of the host that sends on ``interface``.

    ``governor``: of every CPU. ``flow_control``: on or off. ``rings``: max, or a number of descriptors. ``offloads``:
    by the names of `ethtool -K`. ``irq_affinity``: away (from ``core``), or a list of CPUs. ``core``: the CPU that
    tcpreplay is pinned to, None where the scheduler chooses; ``isolate``: whether it is isolated from other processes.
    ``governor``, ``flow_control``, ``rings`` and ``irq_affinity`` may be leave. Raises InputError for other values.
    """

    interface: str
    governor: str = "performance"
    flow_control: str = "off"
    rings: str = "max"
    offloads: Mapping[str, bool] = field(default_factory=dict)
    irq_affinity: str = "away"
    core: int | None = None
    isolate: bool = True

    def __post_init__(self) -> None:
        for name, on in self.offloads.items():
            if not isinstance(on, bool):
                raise _invalid("offloads", f"{name}: {on}", "must be true or false for each offload")
        if self.flow_control not in ("on", "off", LEAVE):
            raise _invalid("flow_control", self.flow_control, "must be on, off or leave")
        if self.rings not in ("max", LEAVE) and not (self.rings.isdecimal() and int(self.rings) > 0):
            raise _invalid("rings", self.rings, "must be max, leave or a number of descriptors above 0")
        if self.irq_affinity not in ("away", LEAVE):
            try:
                given = parse_cpus(self.irq_affinity)
            except ValueError:
                given = frozenset()
            if not given:
                raise _invalid("irq_affinity", self.irq_affinity, "must be away, leave or CPUs such as 0-2,5")


def _invalid(name: str, value: str, rule: str) -> InputError:
    return InputError(f"sender_tuning_{name}", value, rule, "Set an allowed value.")


class UnavailableError(Exception):
    """The host does not support a setting; the message is the reason."""


@dataclass(frozen=True)
class Step:
    """A change: its description, and the function that makes it."""

    text: str
    apply: Callable[[], object]


class Aspect(Protocol):
    """One group of settings, as text by key. Only steps change the host."""

    @property
    def name(self) -> str:
        """As in :class:`TuningOptions`."""

    def read(self) -> dict[str, str]:
        """The current settings. Raises UnavailableError where the host has none."""

    def wanted(self, found: Mapping[str, str]) -> dict[str, str]:
        """The settings to reach from those ``found``. Raises UnavailableError where the host does not support them."""

    def steps(self, settings: Mapping[str, str]) -> Sequence[Step]:
        """The steps that apply ``settings``."""


def command(run: Runner, *argv: str) -> Step:
    """A step that runs a program."""
    return Step(" ".join(argv), lambda: checked(run(argv)))


def write(root: str, name: str, value: str) -> Step:
    """A step that writes ``value`` to the kernel's file ``name``, relative to the root folder."""

    def apply() -> None:
        try:
            Path(root, name).write_text(value, encoding="ascii")
        except OSError as error:
            rule = f"rejected {value!r}: {error.strerror}"
            raise HostError("file", f"/{name}", rule, "Run as root; the kernel may not allow the change.") from error

    return Step(f"write /{name}: {value}", apply)


def text_of(root: str, name: str) -> str | None:
    """The content of the kernel's file ``name``, relative to the root folder; None where it cannot be read."""
    try:
        return Path(root, name).read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None
