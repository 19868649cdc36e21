"""What a trial needs around tcpreplay, whatever the engine: the NIC as it was found, whoever is killed."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Callable

from ..errors import HostError
from ..netmap.admode import ADMODE, read_admode, write_admode
from ..nic.read import has_carrier
from ..nic.state import NicState, read_state, restore_state
from ..system.cleanup_process import Guardian, kill_runs_of
from ..system.files import write_whole
from ..system.run import Runner

STORED = "run/linerate/trial"
"""Below the root folder; gone after a reboot, as are the settings of a NIC."""

Guard = Callable[[Callable[[], None]], Guardian]


class NicSession:
    """``interface`` has the settings that it was found with after this context, also where this process is killed.

    Then a guardian ends what runs ``argv`` and puts them back; where that is killed, too, the next trial does.
    Whether the interface is up is not put back: tcpreplay does not take it down, and whoever did meant it.
    HostError on entering where there is no such interface, or the settings cannot be stored.
    """

    def __init__(
        self, interface: str, argv: Sequence[str], run: Runner, root: str = "/", guard: Guard = Guardian
    ) -> None:
        self._interface, self._argv, self._run, self._root, self._guard = interface, argv, run, root, guard
        self._had_carrier = False
        self._guardian: Guardian | None = None
        self._mark = f"{os.getpid()}-{time.monotonic_ns()}"
        self.recovery: dict[str, Any] | None = None
        """Afterwards: the ``steps`` that restored the NIC, whether it has its ``carrier`` and the ``seconds`` until
        then; the ``error`` where it could not be restored."""

    def __enter__(self) -> NicSession:
        recover(self._interface, self._run, self._root)
        self._had_carrier = has_carrier(self._interface, self._root)
        self._store(read_state(self._interface, self._run, self._root))
        self._guardian = self._guard(self._clean).start()
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

    def _prepare(self) -> None:
        """What an engine changes before tcpreplay starts."""

    def _wait(self) -> bool:
        """Whether the interface has the carrier that it had; an engine that resets the NIC waits for it."""
        return not self._had_carrier or has_carrier(self._interface, self._root)

    def _admode(self) -> str | None:
        """netmap's parameter as found, where this engine changes it."""
        return None

    def _clean(self) -> None:
        kill_runs_of(self._argv)
        recover(self._interface, self._run, self._root, self._mark)

    def _leave(self) -> None:
        begin = time.monotonic()
        steps: tuple[str, ...] = ()
        error = None
        try:
            steps = recover(self._interface, self._run, self._root, self._mark)
        except HostError as failed:
            error = str(failed)
        if self._guardian and error is None:
            self._guardian.release()
        elif self._guardian:
            # It tries once more, and what is stored stays for the next trial to try.
            self._guardian.let_clean()
        carrier = error is None and self._wait()
        self.recovery = {"seconds": round(time.monotonic() - begin, 3), "carrier": carrier, "steps": list(steps)}
        if error is not None:
            self.recovery["error"] = error

    def _store(self, state: NicState) -> None:
        path = _path(state.interface, self._root)
        admode = self._admode()
        stored = {
            "state": asdict(state),
            "admode": admode,
            "index": _index(state.interface, self._root),
            "mark": self._mark,
        }
        try:
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        except PermissionError:
            if admode is None:
                # Whoever may send and no more (CAP_NET_RAW) cannot change a NIC either.
                return
            raise
        write_whole(path, json.dumps(stored).encode())


def recover(
    interface: str, run: Runner, root: str = "/", mark: str | None = None, check: bool = False
) -> tuple[str, ...]:
    """Put back what a trial changed and did not put back; the steps, none where nothing is.

    With a ``mark``, only what the session of that mark stored. What is stored of an interface that is gone, or of
    another one of the same name, is forgotten. With ``check`` nothing is changed. HostError where something cannot be
    put back: it stays stored.
    """
    path = _path(interface, root)
    if not path.exists():
        return ()
    with _alone(path.parent):
        if not path.exists():
            return ()
        state, admode, index, owner = _load(path)
        if mark is not None and owner != mark:
            return ()
        steps: list[str] = []
        # Where netmap was unloaded meanwhile, the parameter went with it.
        if admode is not None and Path(root, ADMODE).exists() and read_admode(root) != admode:
            if not check:
                write_admode(admode, root)
            steps.append(f"write /{ADMODE}: {admode}")
        if index == _index(interface, root) != "":
            now = read_state(interface, run, root)
            steps += restore_state(replace(state, up=now.up), run, root, check)
        if not check:
            path.unlink()
        return tuple(steps)


def _load(path: Path) -> tuple[NicState, str | None, str, str]:
    try:
        stored = json.loads(path.read_bytes())
        admode = stored["admode"]
        return NicState(**stored["state"]), admode and str(admode), str(stored["index"]), str(stored["mark"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        hint = "Remove it; set by hand what `ethtool -k` and `ip link` show to be wrong."
        raise HostError("stored state", str(path), f"cannot be read ({error})", hint) from error


def _index(interface: str, root: str) -> str:
    """The number the kernel gave the interface; empty where it is gone."""
    try:
        return Path(root, "sys/class/net", interface, "ifindex").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _path(interface: str, root: str) -> Path:
    """One file for an interface of a network namespace: names are free to be the same in another."""
    try:
        space = os.stat(Path(root, "proc/self/ns/net")).st_ino
    except OSError:
        space = 0
    return Path(root, STORED, f"{interface}.{space}.json")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One at a time: a guardian may be at work when the next trial begins."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
