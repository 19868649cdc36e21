"""A NIC session through netmap: the adapter is forced and proven, and everything is restored in any case."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from linerate.errors import HostError
from linerate.netmap.admode import read_admode
from linerate.nic.state import found_path
from linerate.system.run import Completed
from linerate.tcpreplay.supervise import Outcome
from linerate.trial.engines.netmap import session as module
from linerate.trial.engines.netmap.session import NetmapSession
from linerate.trial.evidence import Recovery
from linerate.trial.nic_session import recover

OUTCOME = Outcome(0, (), False, None, 1.0, "", "", 0)
ACTIVATED = "[ 1996.781561] 443.197642 [ 320] generic_netmap_register   Emulated adapter for ens4 activated\n"


class NoCleanupProcess:
    """In place of the cleanup process, which has tests of its own."""

    def __init__(self, cleanup: object) -> None:
        self.ended = ""

    def start(self) -> NoCleanupProcess:
        return self

    def release(self) -> None:
        self.ended = "released"

    def finish(self) -> None:
        self.ended = "let clean"


class Host:
    """ens4 with an e1000 that may be patched, netmap loaded, and what tcpreplay changes there."""

    def __init__(self, root: Path) -> None:
        self.root, self.ran = root, []
        self.messages, self.qdisc, self.offload = "[ 1.0] e1000: hello\n", "pfifo_fast", "on"
        self.put("sys/module/netmap/parameters/admode", "0\n")
        for name, content in {"flags": "0x1003", "mtu": "1500", "carrier": "1", "ifindex": "4"}.items():
            self.put(f"sys/class/net/ens4/{name}", f"{content}\n")
        driver = root / "sys/class/net/ens4/device/driver"
        driver.mkdir(parents=True)
        (root / "sys/module/e1000").mkdir()
        (driver / "module").symlink_to(root / "sys/module/e1000")

    def put(self, path: str, content: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(content)

    def patch(self) -> None:
        (self.root / "sys/module/netmap/holders/e1000").mkdir(parents=True)

    def run(self, argv: Sequence[str]) -> Completed:
        answers = {
            "ethtool -k ens4": f"generic-segmentation-offload: {self.offload}\n",
            "ethtool -a ens4": "",
            "dmesg": self.messages,
            "tc qdisc show dev ens4": f"qdisc {self.qdisc} 8001: root refcnt 2\n",
            "modinfo -F depends e1000": "netmap\n",
        }
        words = " ".join(argv)
        if words not in answers:
            self.ran.append(words)
            if argv[:2] == ["ethtool", "-K"]:
                self.offload = argv[-1]
            else:
                self.put("sys/class/net/ens4/flags", "0x1003\n")
        return Completed(tuple(argv), 0, answers.get(words, ""), "")

    def sends(self) -> None:
        """Change the NIC as a killed tcpreplay does."""
        self.offload = "off"
        self.put("sys/class/net/ens4/flags", "0x1103\n")

    def session(self, kind: str) -> NetmapSession:
        return NetmapSession("ens4", ["tcpreplay"], kind, self.run, str(self.root), NoCleanupProcess)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(module, "CARRIER_SECONDS", 0.1)
    monkeypatch.setattr(module, "SETTLED_SECONDS", 0.1)
    return Host(tmp_path)


RESTORED = (
    "write /sys/module/netmap/parameters/admode: 0",
    "ethtool -K ens4 gso on",
    "ip link set dev ens4 promisc off",
)


def recovery(session: NetmapSession) -> Recovery:
    """How the NIC was restored; the session has been left."""
    assert session.recovery is not None
    return session.recovery


def test_a_native_adapter_is_forced_and_proven(host):
    host.patch()
    with host.session("native") as session:
        assert read_admode(str(host.root)) == "1"
        session.observe(sending=False)
        session.observe(sending=True)
        host.sends()
        adapter = session.adapter(OUTCOME)
    assert (adapter.kind, adapter.found, adapter.driver) == ("native", "native", "e1000")
    assert adapter.evidence == (
        "driver: e1000",
        "/sys/module/netmap/holders/e1000: present",
        "modinfo -F depends e1000: netmap",
        "/sys/module/netmap/parameters/admode: 1",
        "tc qdisc show dev ens4 while sending: pfifo_fast",
        "dmesg: no 'Emulated adapter for ens4 activated' during the trial",
    )
    assert read_admode(str(host.root)) == "0"
    assert (recovery(session).steps, recovery(session).carrier) == (RESTORED, True)


def test_an_emulated_adapter_is_forced_and_proven_on_a_patched_driver(host):
    host.patch()
    with host.session("emulated") as session:
        assert read_admode(str(host.root)) == "2"
        host.qdisc = "netmapemu"
        session.observe(sending=True)
        assert session.adapter(OUTCOME).found == "emulated"
        host.qdisc = "pfifo_fast"
        host.messages += ACTIVATED
        adapter = session.adapter(OUTCOME)
    assert adapter.found == "emulated"
    assert adapter.evidence[-2:] == (
        "tc qdisc show dev ens4 while sending: netmapemu",
        "dmesg: Emulated adapter for ens4 activated during the trial",
    )


def test_an_emulated_adapter_of_an_earlier_trial_is_not_evidence_for_this_one(host):
    host.messages += ACTIVATED
    with host.session("emulated") as session:
        assert session.adapter(OUTCOME).found is None


def test_an_emulated_adapter_is_found_where_native_was_requested(host):
    with host.session("native") as session:
        host.messages += ACTIVATED
        assert session.adapter(OUTCOME).found == "emulated"


def test_everything_is_restored_after_an_error(host):
    session = host.session("native")

    def cut() -> None:
        with session:
            host.sends()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut()
    assert recovery(session).steps == RESTORED
    assert read_admode(str(host.root)) == "0"


def test_the_next_trial_restores_what_a_killed_one_did_not(host):
    host.session("native").__enter__()
    host.sends()
    assert recover("ens4", host.run, str(host.root)) == RESTORED
    assert recover("ens4", host.run, str(host.root)) == ()
    host.session("native").__enter__()
    host.sends()
    with host.session("emulated") as session:
        assert host.offload == "on"
    assert recovery(session).steps == RESTORED[:1]


def test_the_settings_before_the_trial_stay_stored_after_it(host):
    with host.session("native"):
        host.sends()
    stored = found_path("ens4", str(host.root))
    assert '"promiscuous": false' in stored.read_text()


def test_a_lost_carrier_is_reported(host):
    with host.session("native") as session:
        host.put("sys/class/net/ens4/carrier", "0\n")
    assert recovery(session).carrier is False


def test_without_netmap_nothing_is_changed(host):
    (host.root / "sys/module/netmap/parameters/admode").unlink()
    with pytest.raises(HostError, match="netmap: is not loaded"), host.session("native"):
        pass
    assert host.ran == []
