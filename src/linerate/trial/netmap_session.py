"""What a trial through netmap needs around tcpreplay: an adapter of the kind asked for, proof, and the NIC back.

netmap chooses the adapter by its parameter admode, silently. tcpreplay leaves the NIC promiscuous, without a carrier
for seconds, and when it is killed without its offloads.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from ..errors import HostError
from ..files import write_whole
from ..host.nic import has_carrier, wait_for_carrier
from ..host.nic_state import FOUND_FOLDER, NicState, read_state, restore_state, store_found
from ..host.run import Runner
from ..netmap.adapter import FORCE_EMULATED, FORCE_NATIVE, driver_of, kernel_messages, read_adapter
from ..netmap.users import holding_drivers

ADMODES = {"native": FORCE_NATIVE, "emulated": FORCE_EMULATED}
ADMODE = "sys/module/netmap/parameters/admode"
EMULATION_QDISC = "netmapemu"
LOOK_SECONDS = 1.0
CARRIER_SECONDS = 60.0
"""How long a NIC may take to have its carrier again; a native e1000 takes about 3 s."""
SETTLED_SECONDS = 1.0


class NetmapSession:
    """``interface`` has an adapter of ``kind`` (native, emulated) inside of this context, and is as before after it.

    HostError on entering where netmap is not loaded, on leaving where the NIC cannot be restored.
    """

    def __init__(self, interface: str, kind: str, run: Runner, root: str = "/") -> None:
        self._interface, self._kind, self._run, self._root = interface, kind, run, root
        self._evidence: list[str] = []
        self._emulates = False
        self._looked = float("-inf")
        self.recovery: dict[str, Any] | None = None
        """Afterwards: the ``steps`` that restored the NIC, and the ``seconds`` until it had its ``carrier``."""

    def __enter__(self) -> NetmapSession:
        recover(self._interface, self._run, self._root)
        state = read_state(self._interface, self._run, self._root)
        self._had_carrier = has_carrier(self._interface, self._root)
        self._messages = set(kernel_messages(self._run))
        store_found(state, self._root)
        _store(state, read_admode(self._root), self._root)
        try:
            write_admode(ADMODES[self._kind], self._root)
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def look(self, sending: bool) -> None:
        """Gather evidence while tcpreplay runs; a call takes long once a second, until it saw what it needs."""
        if self._evidence or (not sending and time.monotonic() - self._looked < LOOK_SECONDS):
            return
        self._looked = time.monotonic()
        qdisc = self._qdisc()
        self._emulates = self._emulates or EMULATION_QDISC in qdisc
        if sending:
            self._evidence = [*read_adapter(self._interface, self._run, (), self._root).evidence, qdisc]

    def describe(self) -> dict[str, Any]:
        """The adapter, to be asked before the context is left: ``kind`` is what was asked for, ``found`` what was had.

        ``found`` is None where there is no sign of either.
        """
        evidence = [*(self._evidence or read_adapter(self._interface, self._run, (), self._root).evidence)]
        activation = f"Emulated adapter for {self._interface} activated"
        said = any(activation in line for line in kernel_messages(self._run) if line not in self._messages)
        driver = driver_of(self._interface, self._root)
        found = None
        if self._emulates or said:
            found = "emulated"
        elif driver in holding_drivers(self._root) and read_admode(self._root) == FORCE_NATIVE:
            found = "native"
        evidence.append(f"dmesg: {activation if said else f'no {activation!r}'} during the trial")
        return {"kind": self._kind, "found": found, "driver": driver, "evidence": evidence}

    def _qdisc(self) -> str:
        """The kinds of the interface's queueing disciplines; their handles change from trial to trial."""
        command = ["tc", "qdisc", "show", "dev", self._interface]
        try:
            lines = self._run(command).stdout.splitlines()
        except HostError as error:
            # EL9 has tc in a package of its own (iproute-tc).
            return f"{command[0]} {error.rule}"
        kinds = [line.split()[1] for line in lines if line.startswith("qdisc ")]
        return f"{' '.join(command)} while sending: {', '.join(kinds) or 'none'}"

    def _leave(self) -> None:
        begin = time.monotonic()
        steps = recover(self._interface, self._run, self._root)
        carrier = not self._had_carrier or wait_for_carrier(
            self._interface, CARRIER_SECONDS, SETTLED_SECONDS, self._root
        )
        self.recovery = {"seconds": round(time.monotonic() - begin, 3), "carrier": carrier, "steps": list(steps)}


def recover(interface: str, run: Runner, root: str = "/") -> tuple[str, ...]:
    """Put back what a trial changed and did not put back, because it was killed; the steps, none where nothing is."""
    path = _path(interface, root)
    if not path.exists():
        return ()
    try:
        stored = json.loads(path.read_bytes())
        state, admode = NicState(**stored["state"]), str(stored["admode"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        mend = "Remove it; set by hand what `ethtool -k` and `ip link` show to be wrong."
        raise HostError("stored state", str(path), f"cannot be read ({error})", mend) from error
    steps: list[str] = []
    # Where netmap was unloaded meanwhile, the parameter went with it.
    if Path(root, ADMODE).exists() and read_admode(root) != admode:
        write_admode(admode, root)
        steps.append(f"write /{ADMODE}: {admode}")
    steps += restore_state(state, run, root)
    path.unlink()
    return tuple(steps)


def read_admode(root: str = "/") -> str:
    """netmap's parameter admode. HostError where netmap is not loaded."""
    try:
        return Path(root, ADMODE).read_text(encoding="ascii").strip()
    except OSError as error:
        raise HostError("netmap", None, "is not loaded on this host", "Load it: modprobe netmap.") from error


def write_admode(value: str, root: str = "/") -> None:
    """Set netmap's parameter admode. HostError where the kernel does not take it."""
    try:
        Path(root, ADMODE).write_text(value, encoding="ascii")
    except OSError as error:
        rule = f"cannot be set to {value}: {error.strerror}"
        raise HostError("netmap parameter", "admode", rule, "Run as root, with netmap loaded.") from error


def _path(interface: str, root: str) -> Path:
    return Path(root, FOUND_FOLDER, "trial", f"{interface}.json")


def _store(state: NicState, admode: str, root: str) -> None:
    path = _path(state.interface, root)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps({"state": asdict(state), "admode": admode}).encode())
