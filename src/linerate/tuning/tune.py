"""Tune a sender, report the settings that it does not support, and restore it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Callable

from ..errors import HostError, InputError, LinerateError
from ..nic.read import has_carrier, wait_for_carrier
from ..nic.topology import Address
from ..nic.use import refuse_management
from ..system.lock import refuse_held
from ..system.run import Runner
from .aspect import LEAVE, Aspect, Step, TuningOptions, UnavailableError
from .isolation import Isolation
from .nic import FlowControl, Offloads, Rings
from .pin import refuse_cpu
from .processors import Governor, IrqAffinity, irqbalance_runs
from .state import PLACE, Stored, load, save

CARRIER_SECONDS, SETTLED_SECONDS = 60.0, 1.0
"""How long to wait for the carrier after a change, and how long it must be stable."""

RESETTING = (Rings.name, FlowControl.name)
"""Aspects whose change may reset the link."""

CPU_ASPECTS = (Governor.name, Isolation.name)
"""Aspects that do not depend on the NIC."""


@dataclass
class Tuned:
    """One aspect: the settings ``found`` and ``wanted``, and the ``steps`` from the former to the latter.

    ``unavailable`` is the reason where the host does not support it.
    """

    aspect: str
    found: dict[str, str] = field(default_factory=dict)
    wanted: dict[str, str] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    unavailable: str | None = None


@dataclass(frozen=True)
class Host:
    """The host to tune. ``environment`` is the session's, which tells the interface of its SSH connection.

    ``benchmark`` tells whether an address belongs to the benchmark; an interface with another address is in use.
    """

    run: Runner
    environment: Mapping[str, str]
    root: str = "/"
    benchmark: Callable[[Address], bool] = lambda address: False

    def refuse_management(self, interface: str) -> None:
        """Raise InputError where ``interface`` is used for anything but benchmarks."""
        refuse_management(interface, self.environment, self.run, self.root, self.benchmark)


def tune(options: TuningOptions, host: Host, consent: bool, check: bool = False) -> list[Tuned]:
    """Apply ``options``; returns one entry per aspect, without those to leave unchanged.

    With ``check``, or without ``consent``, nothing is changed. Raises InputError before any change where the interface
    is used for anything but benchmarks, where the host is tuned for another interface, or where it does not support a
    value that is not the default. Raises HostError where a trial sends on the interface, or where the interface has no
    carrier afterwards.
    """
    stored = load(host.root)
    if options.core is not None:
        refuse_cpu(options.core, "sender_tuning_core", host.root)
    if consent:
        host.refuse_management(options.interface)
        refuse_held(options.interface, host.root)
        _refuse_another(options.interface, stored, host)
    planned = [(aspect, _plan(aspect, options, stored)) for aspect in _aspects(options, host)]
    if consent:
        for _, tuned in planned:
            _refuse_unavailable(tuned, options)
    if consent and not check:
        if stored.before and stored.interface != options.interface:
            stored.interface = options.interface
            save(stored, host.root)
        stored.interface = options.interface
        for aspect, tuned in planned:
            if tuned.steps:
                _apply(aspect, tuned, stored, host)
                _refuse_unavailable(tuned, options)
    return [tuned for _, tuned in planned]


def undo(interface: str, host: Host, check: bool = False) -> tuple[str, ...]:
    """Restore the settings that :func:`tune` changed and delete the stored state; returns the steps, if any.

    This applies to ``interface`` and to other interfaces that exist: one network namespace does not restore what was
    tuned in another. Raises InputError before any change where the interface now carries the default route or the SSH
    session.
    """
    path = Path(host.root, PLACE)
    if not path.exists():
        return ()
    stored = load(host.root)
    if stored.interface != interface and not _exists(stored, host):
        return ()
    if stored.before:
        refuse_management(stored.interface, host.environment, host.run, host.root, lambda address: True)
        refuse_held(stored.interface, host.root)
    # In reverse order: interrupts return to the CPU only when nothing sends from it any more.
    steps = [
        step
        for aspect in reversed(every_aspect(TuningOptions(stored.interface), host))
        for step in _restoring_steps(aspect, stored, host)
    ]
    steps.append(Step(f"remove /{PLACE}", path.unlink))
    if not check:
        for step in steps:
            step.apply()
    return tuple(step.text for step in steps)


def status_lines(tuned: Sequence[Tuned], consent: bool) -> list[str]:
    """One line per aspect: its steps, done or still to do, or why it is not available."""
    lines = []
    for one in tuned:
        if one.unavailable:
            lines.append(f"{one.aspect}: not available: {one.unavailable}")
        elif one.steps:
            lines.append(f"{one.aspect}: {'' if consent else 'would apply: '}{'; '.join(one.steps)}")
        else:
            lines.append(f"{one.aspect}: already set")
    return lines


def diff(tuned: Sequence[Tuned]) -> tuple[str, str]:
    """The settings that differ, before and after, one line per setting."""
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


def warnings(options: TuningOptions, host: Host) -> list[str]:
    """Warnings about the host, one per line."""
    found = []
    try:
        host.refuse_management(options.interface)
    except LinerateError as error:
        found.append(str(error))
    if options.irq_affinity != LEAVE and irqbalance_runs(host.root):
        found.append("irqbalance is running and may move the NIC's interrupts again.")
    return found


def every_aspect(options: TuningOptions, host: Host) -> list[Aspect]:
    """All aspects; those that may reset the NIC come before those that a reset may undo."""
    return [
        Governor(options, host.root),
        Rings(options, host.run),
        FlowControl(options, host.run, host.root),
        Offloads(options, host.run, host.root),
        IrqAffinity(options, host.root),
        Isolation(options, host.run, host.root),
    ]


def _aspects(options: TuningOptions, host: Host) -> list[Aspect]:
    """The aspects that are not to be left unchanged."""
    isolate = options.isolate and options.core is not None
    selected = {**{name: getattr(options, name) not in (LEAVE, {}) for name in _names()}, Isolation.name: isolate}
    return [aspect for aspect in every_aspect(options, host) if selected[aspect.name]]


def _names() -> list[str]:
    return [field.name for field in fields(TuningOptions)]


def _refuse_another(interface: str, stored: Stored, host: Host) -> None:
    """Raise InputError where the host is tuned for another interface; drop the stored settings of a removed one."""
    if stored.interface == interface or not stored.before:
        return
    if not _exists(stored, host):
        stored.before = {name: found for name, found in stored.before.items() if name in CPU_ASPECTS}
    else:
        rule = f"is not the interface that this host is tuned for, {stored.interface}"
        raise InputError("interface", interface, rule, "Restore the host first: playbooks/restore.yml.")


def _plan(aspect: Aspect, options: TuningOptions, stored: Stored) -> Tuned:
    try:
        now = aspect.read()
        # Starts from the original settings, so that the result does not depend on earlier tuning.
        wanted = aspect.wanted(stored.before.get(aspect.name, now))
    except (UnavailableError, HostError) as reason:
        return Tuned(aspect.name, unavailable=str(reason))
    return Tuned(aspect.name, now, wanted, [step.text for step in _steps(aspect, now, wanted)])


def _refuse_unavailable(tuned: Tuned, options: TuningOptions) -> None:
    """Raise InputError where an unavailable setting has another value than the default."""
    value = getattr(options, tuned.aspect, None)
    if tuned.unavailable and value != getattr(TuningOptions(options.interface), tuned.aspect, None):
        hint = "Set a supported value or remove the variable."
        rule = f"is not available on this host: {tuned.unavailable}"
        raise InputError(f"sender_tuning_{tuned.aspect}", value, rule, hint)


def _steps(aspect: Aspect, now: Mapping[str, str], wanted: Mapping[str, str]) -> list[Step]:
    changed = {key: value for key, value in wanted.items() if key in now and now[key] != value}
    return list(aspect.steps(changed)) if changed else []


def _apply(aspect: Aspect, tuned: Tuned, stored: Stored, host: Host) -> None:
    """Store the original settings of one aspect and change it; sets ``unavailable`` of ``tuned`` on failure."""
    stored.before.setdefault(aspect.name, tuned.found)
    save(stored, host.root)
    had_carrier = has_carrier(stored.interface, host.root)
    try:
        for step in _steps(aspect, tuned.found, tuned.wanted):
            step.apply()
    except HostError as error:
        tuned.unavailable = str(error)
    if had_carrier and aspect.name in RESETTING:
        _await_carrier(stored.interface, aspect.name, host)
    now = aspect.read()
    missed = [f"{key} {now.get(key)}" for key, value in tuned.wanted.items() if now.get(key) != value]
    if missed and not tuned.unavailable:
        tuned.unavailable = f"after the change the host has {', '.join(missed)}"
    if now == tuned.found:
        tuned.steps = []
    stored.after[aspect.name] = now
    save(stored, host.root)


def _await_carrier(interface: str, aspect: str, host: Host) -> None:
    if not wait_for_carrier(interface, CARRIER_SECONDS, SETTLED_SECONDS, host.root):
        rule = f"has no carrier {CARRIER_SECONDS:g} s after a change of {aspect}"
        hint = "Check the cable and the peer; playbooks/restore.yml restores the settings."
        raise HostError("interface", interface, rule, hint)


def _restoring_steps(aspect: Aspect, stored: Stored, host: Host) -> list[Step]:
    """The steps that restore ``aspect``; none where the interface, or the driver that had it, was removed."""
    before = stored.before.get(aspect.name)
    if before is None:
        return []
    try:
        return _steps(aspect, aspect.read(), before)
    except UnavailableError:
        return []
    except HostError:
        if _exists(stored, host):
            raise
        return []


def _exists(stored: Stored, host: Host) -> bool:
    return Path(host.root, "sys/class/net", stored.interface).exists()
