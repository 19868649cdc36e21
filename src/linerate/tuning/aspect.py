"""What the aspects of a sender's tuning have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Protocol

from ..errors import HostError, InputError
from ..system.run import Runner, checked
from .cpus import parse_cpus

LEAVE = "leave"
"""The wish that an aspect stays as it is."""


@dataclass(frozen=True)
class Wishes:
    """How the host of ``interface`` is to be set.

    ``governor``: of every CPU. ``flow_control``: on or off. ``rings``: max, or descriptors. ``offloads``: by the
    names of `ethtool -K`. ``irq_affinity``: away from ``core``, or a list of CPUs. ``core``: the CPU that tcpreplay
    is pinned to, None where the scheduler chooses; ``isolate``: whether nothing else is to run on it.
    The first four words and ``irq_affinity`` may be leave. InputError where a value is none of these.
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
                raise _unusable("offloads", f"{name}: {on}", "must be true or false for each offload")
        if self.flow_control not in ("on", "off", LEAVE):
            raise _unusable("flow_control", self.flow_control, "must be on, off or leave")
        if self.rings not in ("max", LEAVE) and not (self.rings.isdecimal() and int(self.rings) > 0):
            raise _unusable("rings", self.rings, "must be max, leave or a number of descriptors above 0")
        if self.irq_affinity not in ("away", LEAVE):
            try:
                given = parse_cpus(self.irq_affinity)
            except ValueError:
                given = frozenset()
            if not given:
                raise _unusable("irq_affinity", self.irq_affinity, "must be away, leave or CPUs such as 0-2,5")


def _unusable(name: str, value: str, rule: str) -> InputError:
    return InputError(f"sender_tuning_{name}", value, rule, "Correct it.")


class UnavailableError(Exception):
    """The host has not what an aspect sets; the message says why."""


@dataclass(frozen=True)
class Step:
    """A change, as it is shown, and what makes it."""

    text: str
    make: Callable[[], object]


class Aspect(Protocol):
    """One part of a host's settings, as text by key. Reading changes nothing; only steps do."""

    @property
    def name(self) -> str:
        """As in :class:`Wishes`."""

    def read(self) -> dict[str, str]:
        """The settings now. UnavailableError where the host has none."""

    def wanted(self, found: Mapping[str, str]) -> dict[str, str]:
        """The settings wished for, of a host that was ``found`` so. UnavailableError where it cannot have them."""

    def steps(self, settings: Mapping[str, str]) -> Sequence[Step]:
        """What sets ``settings``."""


def command(run: Runner, *argv: str) -> Step:
    """A step that runs a program."""
    return Step(" ".join(argv), lambda: checked(run(argv)))


def write(root: str, name: str, value: str) -> Step:
    """A step that writes ``value`` to the kernel's file ``name``, below the root folder."""

    def make() -> None:
        try:
            Path(root, name).write_text(value, encoding="ascii")
        except OSError as error:
            rule = f"does not take {value!r}: {error.strerror}"
            raise HostError("file", f"/{name}", rule, "Run as root; the kernel may keep it to itself.") from error

    return Step(f"write /{name}: {value}", make)


def text_of(root: str, name: str) -> str | None:
    """The kernel's file ``name``, below the root folder; None where there is none."""
    try:
        return Path(root, name).read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None
