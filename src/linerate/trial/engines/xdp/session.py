"""What a trial through an XDP socket needs: proof of its kind, and the link again after a zero-copy driver was reset.

The program attaches its XDP program itself, by a link that the kernel removes when it ends, so there is nothing to
prepare and nothing to undo.
"""

from __future__ import annotations

from collections.abc import Sequence

from ....netmap.adapter import driver_of
from ....nic.read import link_trouble, wait_for_carrier
from ....system.run import Runner
from ....tcpreplay.supervise import Outcome
from ....xdp.events import find
from ....xdp.schedule import CATCH_UP
from ...evidence import Adapter
from ...nic_session import CARRIER_SECONDS, SETTLED_SECONDS, NicSession


class XdpSession(NicSession):
    """``interface`` is sent on by an XDP socket of ``kind`` (copy, zerocopy) in this context."""

    def __init__(self, interface: str, argv: Sequence[str], kind: str, run: Runner, root: str = "/") -> None:
        super().__init__(interface, argv, run, root)
        self._kind = kind

    def adapter(self, outcome: Outcome) -> Adapter:
        """The kind that was requested, and the one that the kernel reports of the bound socket (XDP_OPTIONS)."""
        driver, start = driver_of(self._interface, self._root), find(outcome.stdout, "start")
        if start is None:
            return Adapter(self._kind, None, driver, ("the socket was not bound",))
        evidence = [f"getsockopt XDP_OPTIONS of the socket on queue {start['queue']}: {start['xdp_options']}"]
        end = find(outcome.stdout, "end")
        if end and end["stalls"]:
            evidence.append(
                f"pacing: {end['late_packets']:,} packets were sent late after {end['stalls']} stalls of up to "
                f"{1000 * end['longest_stall_seconds']:.1f} ms, at up to {CATCH_UP:g} times the offered rate"
            )
        return Adapter(self._kind, str(start["adapter"]), driver, tuple(evidence))

    def _wait(self) -> bool:
        if self._kind == "copy" or not self._had_carrier or link_trouble(self._interface, self._root) == "is down":
            return super()._wait()
        return wait_for_carrier(self._interface, CARRIER_SECONDS, SETTLED_SECONDS, self._root)
