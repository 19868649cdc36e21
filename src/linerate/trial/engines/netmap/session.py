"""What a trial through netmap needs: an adapter of the requested kind, proof of it, and the NIC restored.

netmap chooses the adapter by its parameter admode, silently. tcpreplay leaves the NIC promiscuous, without a carrier
for seconds, and with its offloads off when it is killed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from ....errors import HostError
from ....netmap.adapter import FORCE_EMULATED, FORCE_NATIVE, driver_of, kernel_messages, read_adapter
from ....netmap.admode import ADMODE, read_admode, write_admode
from ....netmap.users import holding_drivers
from ....nic.read import link_trouble, wait_for_carrier
from ....nic.state import read_state, store_found
from ....system.cleanup_process import CleanupProcess
from ....system.run import Runner
from ....tcpreplay.supervise import Outcome
from ...evidence import Adapter
from ...nic_session import CARRIER_SECONDS, SETTLED_SECONDS, Guard, NicSession, Parameters

ADMODES = {"native": FORCE_NATIVE, "emulated": FORCE_EMULATED}
EMULATION_QDISC = "netmapemu"
POLL_SECONDS = 1.0


class NetmapSession(NicSession):
    """``interface`` has an adapter of ``kind`` (native, emulated) in this context, and its settings again after it.

    HostError on entering where netmap is not loaded.
    """

    def __init__(
        self,
        interface: str,
        argv: Sequence[str],
        kind: str,
        run: Runner,
        root: str = "/",
        guard: Guard = CleanupProcess,
    ) -> None:
        super().__init__(interface, argv, run, root, guard)
        self._kind = kind
        self._evidence: list[str] = []
        self._emulates = False
        self._polled = float("-inf")

    def observe(self, sending: bool) -> None:
        """Gather evidence at most once a second, until there is enough."""
        if self._evidence or (not sending and time.monotonic() - self._polled < POLL_SECONDS):
            return
        self._polled = time.monotonic()
        qdisc = self._qdisc()
        self._emulates = self._emulates or EMULATION_QDISC in qdisc
        if sending:
            self._evidence = [*read_adapter(self._interface, self._run, (), self._root).evidence, qdisc]

    def adapter(self, outcome: Outcome) -> Adapter:
        """The kind that was requested, the one that was found (None where there is no sign of either), the evidence."""
        evidence = [*(self._evidence or read_adapter(self._interface, self._run, (), self._root).evidence)]
        activation = f"Emulated adapter for {self._interface} activated"
        activated = any(activation in line for line in kernel_messages(self._run) if line not in self._messages)
        driver = driver_of(self._interface, self._root)
        found = None
        if self._emulates or activated:
            found = "emulated"
        elif driver in holding_drivers(self._root) and read_admode(self._root) == FORCE_NATIVE:
            found = "native"
        evidence.append(f"dmesg: {activation if activated else f'no {activation!r}'} during the trial")
        return Adapter(self._kind, found, driver, tuple(evidence))

    def _parameters(self) -> Parameters:
        return {ADMODE: read_admode(self._root)}

    def _prepare(self) -> None:
        self._messages = set(kernel_messages(self._run))
        store_found(read_state(self._interface, self._run, self._root), self._root)
        write_admode(ADMODES[self._kind], self._root)

    def _wait(self) -> bool:
        if not self._had_carrier or link_trouble(self._interface, self._root) in ("is gone", "is down"):
            return super()._wait()
        return wait_for_carrier(self._interface, CARRIER_SECONDS, SETTLED_SECONDS, self._root)

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
