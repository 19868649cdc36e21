"""The NIC around a trial: its settings are stored, changed by the engine where needed, and always restored."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Callable

from ..errors import HostError
from ..netmap.adapter import driver_of
from ..nic.read import has_carrier
from ..nic.state import NicState, read_state, restore_state
from ..system.cleanup_process import CleanupProcess, kill_processes_of
from ..system.files import make_folder, write_whole
from ..system.gate import Gate
from ..system.lock import exclusive
from ..system.run import Runner
from ..tcpreplay.supervise import Outcome
from .evidence import Adapter, Recovery

STORED = "run/linerate/trial"
"""Below the root folder; gone after a reboot, as are the settings of a NIC."""

CARRIER_SECONDS, SETTLED_SECONDS = 60.0, 1.0
"""How long a NIC that was reset may take to have its carrier again (a native e1000 takes about 3 s), and to keep it."""

Guard = Callable[[Callable[[], None]], CleanupProcess]
Parameters = Mapping[str, str]
"""Values of kernel modules' parameters, by their path below the root folder."""


class NicSession:
    """``interface`` has its settings again after this context, also where this process is killed.

    In that case a cleanup process ends what runs ``argv`` and restores the settings; where that is killed, too, the
    next trial does. Whether the interface is up is not restored: tcpreplay does not take it down, so
    that was done on purpose. HostError on entering where there is no such interface, or the settings cannot be stored.
    """

    def __init__(
        self, interface: str, argv: Sequence[str], run: Runner, root: str = "/", guard: Guard = CleanupProcess
    ) -> None:
        self._interface, self._run, self._root, self._guard = interface, run, root, guard
        self.commands: Sequence[Sequence[str]] = [argv]
        """What the cleanup process ends: set before entering where several processes send."""
        self.gate: Gate | None = None
        """The gate that several processes start at, which the cleanup process removes."""
        self._had_carrier = False
        self._cleanup_process: CleanupProcess | None = None
        self._mark = f"{os.getpid()}-{time.monotonic_ns()}"
        self.recovery: Recovery | None = None
        """How the NIC was restored; set when the context is left."""

    def __enter__(self) -> NicSession:
        recover(self._interface, self._run, self._root)
        self._had_carrier = has_carrier(self._interface, self._root)
        self._store(read_state(self._interface, self._run, self._root))
        self._cleanup_process = self._guard(self._clean).start()
        try:
            self._prepare()
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def observe(self, sending: bool) -> None:
        """Gather evidence of the adapter; called again and again while the program runs."""

    def adapter(self, outcome: Outcome) -> Adapter:
        """The adapter that sent, with its evidence; to be called with the program's ``outcome`` in the context."""
        return Adapter(None, driver=driver_of(self._interface, self._root))

    def _prepare(self) -> None:
        """Change what the engine needs before its program starts."""

    def _parameters(self) -> Parameters:
        """The parameters of kernel modules that the engine changes, as they are now."""
        return {}

    def _wait(self) -> bool:
        """Whether the interface has the carrier that it had; an engine that resets the NIC waits for it."""
        return not self._had_carrier or has_carrier(self._interface, self._root)

    def _clean(self) -> None:
        kill_processes_of(self.commands)
        if self.gate:
            self.gate.remove()
        recover(self._interface, self._run, self._root, self._mark)

    def _leave(self) -> None:
        begin = time.monotonic()
        steps: tuple[str, ...] = ()
        error = None
        try:
            steps = recover(self._interface, self._run, self._root, self._mark)
        except HostError as failed:
            error = str(failed)
        if self._cleanup_process and error is None:
            self._cleanup_process.release()
        elif self._cleanup_process:
            # It tries once more; the stored settings stay for the next trial to try.
            self._cleanup_process.finish()
        carrier = error is None and self._wait()
        self.recovery = Recovery(round(time.monotonic() - begin, 3), carrier, steps, error)

    def _store(self, state: NicState) -> None:
        path = _path(state.interface, self._root)
        parameters = self._parameters()
        stored = {
            "state": asdict(state),
            "parameters": dict(parameters),
            "index": _index(state.interface, self._root),
            "mark": self._mark,
        }
        try:
            make_folder(path.parent)
        except PermissionError:
            if not parameters:
                # A user who may send and no more (CAP_NET_RAW) cannot change a NIC either.
                return
            raise
        write_whole(path, json.dumps(stored).encode())


def recover(
    interface: str, run: Runner, root: str = "/", mark: str | None = None, check: bool = False
) -> tuple[str, ...]:
    """Restore what a trial changed and did not restore; the steps, none where nothing is to be done.

    With a ``mark``, only what the session of that mark stored. What is stored of an interface that is gone, or of
    another one of the same name, is removed. With ``check`` nothing is changed. HostError where something cannot be
    restored: it stays stored.
    """
    path = _path(interface, root)
    if not path.exists():
        return ()
    # A cleanup process may be at work when the next trial starts.
    with exclusive(path.parent):
        if not path.exists():
            return ()
        state, parameters, index, owner = _load(path)
        if mark is not None and owner != mark:
            return ()
        steps = [step for name, value in parameters.items() for step in _restore_parameter(name, value, root, check)]
        if index == _index(interface, root) != "":
            now = read_state(interface, run, root)
            steps += restore_state(replace(state, up=now.up), run, root, check)
        if not check:
            path.unlink()
        return tuple(steps)


def _restore_parameter(name: str, value: str, root: str, check: bool) -> list[str]:
    """Write the parameter where it has another value; a module that was unloaded took its parameters along."""
    path = Path(root, name)
    if not path.exists() or path.read_text(encoding="ascii").strip() == value:
        return []
    if not check:
        try:
            path.write_text(value, encoding="ascii")
        except OSError as error:
            rule = f"cannot be set to {value}: {error.strerror}"
            raise HostError("parameter", f"/{name}", rule, "Set it as root.") from error
    return [f"write /{name}: {value}"]


def _load(path: Path) -> tuple[NicState, Parameters, str, str]:
    try:
        stored = json.loads(path.read_bytes())
        parameters = {str(name): str(value) for name, value in stored["parameters"].items()}
        return NicState(**stored["state"]), parameters, str(stored["index"]), str(stored["mark"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        hint = "Remove it; set by hand what `ethtool -k` and `ip link` show to be wrong."
        raise HostError("stored state", str(path), f"cannot be read ({error})", hint) from error


def _index(interface: str, root: str) -> str:
    """The number the kernel gave the interface; empty where it is gone."""
    try:
        return Path(root, "sys/class/net", interface, "ifindex").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _path(interface: str, root: str) -> Path:
    """One file per interface and network namespace, since another namespace may use the same name."""
    try:
        space = os.stat(Path(root, "proc/self/ns/net")).st_ino
    except OSError:
        space = 0
    return Path(root, STORED, f"{interface}.{space}.json")
