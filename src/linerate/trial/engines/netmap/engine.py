"""tcpreplay through netmap: an adapter that is forced for the trial and proven, and a NIC that is reset around it."""

from __future__ import annotations

from ....netmap.availability import native_unavailable_reason, unavailable_reason
from ....system.run import Runner
from ...evidence import Adapter
from ...model import Trial
from ...nic_session import NicSession
from ..base import CLOSING, OPENING, SENDING, SenderHost
from ..tcpreplay import TcpreplayEngine
from .session import NetmapSession

RESET_SECONDS = 30.0
"""In addition to nm_delay: what resetting the NIC may take when tcpreplay closes it."""
_OPENED, _CLOSING = "to netmap bypass mode... done!", "to normal mode... "
"""What tcpreplay writes when it has opened the NIC, and when it begins to close it (sendpacket.c)."""


class NetmapEngine(TcpreplayEngine):
    """tcpreplay with ``--netmap``, through an adapter of the requested kind."""

    name = "netmap"
    adapters = ("native", "emulated")
    netmap = True
    # netmap_tx_queues_empty() of common/netmap.c (4.4.2 to 4.6.0-beta2) leaves the ring of `netmap:IF-N` for ring 0 and
    # waits until rings 0 to N are empty, also those that other processes fill.
    one_process = "after each pass tcpreplay continues on ring 0, so several would write to the same ring"
    # The watchdogs of e1000 and ixgbe update the NIC's own counters this seldom.
    counter_delay_seconds = 2.0

    def unavailable(self, host: SenderHost) -> str | None:
        return unavailable_reason(host.interface, "netmap" in host.features, host.root)

    def adapter_unavailable(self, adapter: str, host: SenderHost) -> str | None:
        return native_unavailable_reason(host.interface, host.root) if adapter == "native" else None

    def switching_seconds(self, nm_delay: int) -> float:
        return 2.0 * nm_delay

    def closing_seconds(self, nm_delay: int) -> float:
        return nm_delay + RESET_SECONDS

    def session(self, trial: Trial, argv: list[str], run: Runner) -> NicSession:
        return NetmapSession(trial.sending.interface, argv, str(trial.method.adapter), run)

    def bypasses_kernel_counters(self, adapter: str | None) -> bool:
        return adapter == "native"

    def phase(self, messages: str) -> str:
        if _CLOSING in messages:
            return CLOSING
        return SENDING if _OPENED in messages else OPENING

    def core_limit(self, adapter: Adapter, paced: bool) -> str | None:
        # An emulated adapter copies every frame into a socket buffer, on the sender's core (netmap(4)).
        return "emulated adapter" if adapter.found == "emulated" and not paced else None
