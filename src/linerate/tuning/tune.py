"""Set a sender's host for sending, say what it cannot have, and set it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Callable

from ..errors import HostError, InputError, LinerateError
from ..nic.read import has_carrier, wait_for_carrier
from ..nic.use import Address, refuse_management
from ..system.lock import refuse_held
from ..system.run import Runner
from .aspect import LEAVE, Aspect, Step, UnavailableError, Wishes
from .isolation import Isolation
from .nic import FlowControl, Offloads, Rings
from .pin import refuse_cpu
from .processors import Governor, IrqAffinity, irqbalance_runs
from .state import PLACE, Stored, load, save

CARRIER_SECONDS, SETTLED_SECONDS = 60.0, 1.0
"""How long a NIC may take to have its carrier again, and how long it must have kept it."""

RESETTING = (Rings.name, FlowControl.name)
"""Aspects whose change may reset the link."""


OF_THE_CPUS = (Governor.name, Isolation.name)
"""Aspects that have nothing to do with a NIC."""


@dataclass
class Tuned:
    """One aspect: what it was ``found`` with now, what is ``wanted``, the ``steps`` from the one to the other.

    ``unavailable`` says why the host has it not.
    """

    aspect: str
    found: dict[str, str] = field(default_factory=dict)
    wanted: dict[str, str] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    unavailable: str | None = None


@dataclass(frozen=True)
class Host:
    """What is worked on. ``environment`` is the session's, to know which interface it came in by.

    An address of the interface that is not for the ``benchmark`` is one in use.
    """

    run: Runner
    environment: Mapping[str, str]
    root: str = "/"
    benchmark: Callable[[Address], bool] = lambda address: False

    def refuse_management(self, interface: str) -> None:
        """InputError when ``interface`` carries anything but benchmarks."""
        refuse_management(interface, self.environment, self.run, self.root, self.benchmark)


def tune(wishes: Wishes, host: Host, consent: bool, check: bool = False) -> list[Tuned]:
    """Set what ``wishes`` ask for; how it went, one entry for each aspect that is not to be left.

    With ``check``, or without ``consent``, nothing is changed. InputError before anything is changed where the
    interface carries anything but benchmarks, where the host is tuned for another one, or where it has not what was
    asked for by another value than the default. HostError where another sends on it, or has no carrier afterwards.
    """
    stored = load(host.root)
    if wishes.core is not None:
        refuse_cpu(wishes.core, "sender_tuning_core", host.root)
    if consent:
        host.refuse_management(wishes.interface)
        refuse_held(wishes.interface, host.root)
        _refuse_another(wishes.interface, stored, host)
    planned = [(aspect, _plan(aspect, wishes, stored)) for aspect in _aspects(wishes, host)]
    if consent:
        for _, tuned in planned:
            _refuse_unavailable(tuned, wishes)
    if consent and not check:
        if stored.before and stored.interface != wishes.interface:
            stored.interface = wishes.interface
            save(stored, host.root)
        stored.interface = wishes.interface
        for aspect, tuned in planned:
            if tuned.steps:
                _apply(aspect, tuned, stored, host)
                _refuse_unavailable(tuned, wishes)
    return [tuned for _, tuned in planned]


def undo(interface: str, host: Host, check: bool = False) -> tuple[str, ...]:
    """Set everything back that :func:`tune` changed, and forget it; the steps needed, none where nothing is stored.

    That is for ``interface``, or another one that is there: a network namespace leaves alone what was stored in
    another. InputError, before anything is changed, where the interface by now carries the default route or the
    session.
    """
    path = Path(host.root, PLACE)
    if not path.exists():
        return ()
    stored = load(host.root)
    if stored.interface != interface and not _is_there(stored, host):
        return ()
    if stored.before:
        refuse_management(stored.interface, host.environment, host.run, host.root, lambda address: True)
        refuse_held(stored.interface, host.root)
    # The other way round: interrupts go back to a core that nothing sends from any longer.
    steps = [
        step
        for aspect in reversed(every_aspect(Wishes(stored.interface), host))
        for step in _back(aspect, stored, host)
    ]
    steps.append(Step(f"remove /{PLACE}", path.unlink))
    if not check:
        for step in steps:
            step.make()
    return tuple(step.text for step in steps)


def report(tuned: Sequence[Tuned], consent: bool) -> list[str]:
    """One line for each aspect: what was done, is to be done, or why the host has it not."""
    lines = []
    for one in tuned:
        if one.unavailable:
            lines.append(f"{one.aspect}: not available: {one.unavailable}")
        elif one.steps:
            lines.append(f"{one.aspect}: {'' if consent else 'would '}{'; '.join(one.steps)}")
        else:
            lines.append(f"{one.aspect}: as wished for")
    return lines


def shown(tuned: Sequence[Tuned]) -> tuple[str, str]:
    """The settings that differ, before and after, a line each."""
    differing = [
        (f"{one.aspect} {key}", one.found[key], value)
        for one in tuned
        for key, value in one.wanted.items()
        if one.steps and one.found.get(key, value) != value
    ]
    return (
        "".join(f"{name}: {before}\n" for name, before, _ in differing),
        "".join(f"{name}: {after}\n" for name, _, after in differing),
    )


def notes(wishes: Wishes, host: Host) -> list[str]:
    """What a person should know of the host that is no setting of it."""
    found = []
    try:
        host.refuse_management(wishes.interface)
    except LinerateError as error:
        found.append(str(error))
    if wishes.irq_affinity != LEAVE and irqbalance_runs(host.root):
        found.append("irqbalance runs, and may move the NIC's interrupts again.")
    return found


def every_aspect(wishes: Wishes, host: Host) -> list[Aspect]:
    """All there are; what may reset the NIC comes before what a reset may undo."""
    return [
        Governor(wishes, host.root),
        Rings(wishes, host.run),
        FlowControl(wishes, host.run, host.root),
        Offloads(wishes, host.run, host.root),
        IrqAffinity(wishes, host.root),
        Isolation(wishes, host.run, host.root),
    ]


def _aspects(wishes: Wishes, host: Host) -> list[Aspect]:
    """Those that are not to be left."""
    isolate = wishes.isolate and wishes.core is not None
    asked = {**{name: getattr(wishes, name) not in (LEAVE, {}) for name in _names()}, Isolation.name: isolate}
    return [aspect for aspect in every_aspect(wishes, host) if asked[aspect.name]]


def _names() -> list[str]:
    return [field.name for field in fields(Wishes)]


def _refuse_another(interface: str, stored: Stored, host: Host) -> None:
    """InputError where the host is tuned for another interface; what went with one that is gone is forgotten."""
    if stored.interface == interface or not stored.before:
        return
    if not _is_there(stored, host):
        stored.before = {name: found for name, found in stored.before.items() if name in OF_THE_CPUS}
    else:
        rule = f"cannot be tuned for: this host is tuned for {stored.interface}"
        raise InputError("interface", interface, rule, "Set that back first: playbooks/restore.yml.")


def _plan(aspect: Aspect, wishes: Wishes, stored: Stored) -> Tuned:
    try:
        now = aspect.read()
        # From what was found first, so that another wish leads to what it would have led to at once.
        wanted = aspect.wanted(stored.before.get(aspect.name, now))
    except (UnavailableError, HostError) as reason:
        return Tuned(aspect.name, unavailable=str(reason))
    return Tuned(aspect.name, now, wanted, [step.text for step in _steps(aspect, now, wanted)])


def _refuse_unavailable(tuned: Tuned, wishes: Wishes) -> None:
    """InputError where another value than the default was asked for."""
    value = getattr(wishes, tuned.aspect, None)
    if tuned.unavailable and value != getattr(Wishes(wishes.interface), tuned.aspect, None):
        hint = "Give a value that this host can have, or leave it out."
        raise InputError(f"sender_tuning_{tuned.aspect}", value, f"cannot be had here: {tuned.unavailable}", hint)


def _steps(aspect: Aspect, now: Mapping[str, str], wanted: Mapping[str, str]) -> list[Step]:
    changed = {key: value for key, value in wanted.items() if key in now and now[key] != value}
    return list(aspect.steps(changed)) if changed else []


def _apply(aspect: Aspect, tuned: Tuned, stored: Stored, host: Host) -> None:
    """Change one aspect, what it was found with being stored before; ``tuned`` says so where it did not take it."""
    stored.before.setdefault(aspect.name, tuned.found)
    save(stored, host.root)
    had_carrier = has_carrier(stored.interface, host.root)
    try:
        for step in _steps(aspect, tuned.found, tuned.wanted):
            step.make()
    except HostError as error:
        tuned.unavailable = str(error)
    if had_carrier and aspect.name in RESETTING:
        _await_carrier(stored.interface, aspect.name, host)
    now = aspect.read()
    missed = [f"{key} {now.get(key)}" for key, value in tuned.wanted.items() if now.get(key) != value]
    if missed and not tuned.unavailable:
        tuned.unavailable = f"it was set, and the host has {', '.join(missed)}"
    if now == tuned.found:
        tuned.steps = []
    stored.after[aspect.name] = now
    save(stored, host.root)


def _await_carrier(interface: str, aspect: str, host: Host) -> None:
    if not wait_for_carrier(interface, CARRIER_SECONDS, SETTLED_SECONDS, host.root):
        rule = f"has had no carrier for {CARRIER_SECONDS:g} s since its {aspect} changed"
        hint = "Look at the cable and the peer; playbooks/restore.yml sets it back."
        raise HostError("interface", interface, rule, hint)


def _back(aspect: Aspect, stored: Stored, host: Host) -> list[Step]:
    """What sets ``aspect`` back; nothing where it went with the interface, or with the driver that had it."""
    before = stored.before.get(aspect.name)
    if before is None:
        return []
    try:
        return _steps(aspect, aspect.read(), before)
    except UnavailableError:
        return []
    except HostError:
        if _is_there(stored, host):
            raise
        return []


def _is_there(stored: Stored, host: Host) -> bool:
    return Path(host.root, "sys/class/net", stored.interface).exists()
