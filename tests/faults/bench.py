"""The lab that faults are made in: bare tcpreplay and our module, each in a fresh pair of namespaces."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from linerate.lab.namespaces import RECEIVER, SENDER, absent, present
from linerate.pcap.spec import PcapSpec
from linerate.pcap.template import build_template
from linerate.pcap.writer import write_pcap
from linerate.receiver.process import ReceiverOptions
from linerate.system.run import run
from linerate.trial.journal import forget, name_of

REPOSITORY = Path(__file__).parents[2]
BARE_SECONDS = 5
"""What bare tcpreplay may take, from the fault on; then it hangs, for this table."""
SENDING_SECONDS = 0.7
"""How long it sends before the fault comes, so that there is a part to keep."""
PATIENCE_SECONDS = 120
RUN_ID = "faults"
TRIAL: dict[str, Any] = {
    "context": {"run_id": RUN_ID},
    "planned": {"trial_id": "001-fault-kernel-r1"},
    "replay": {},
    "witnesses": [],
}
ALLOWED = ("198.18.0.0/15", RECEIVER.mac)
COUNT = """
import json, sys
from linerate.receiver.process import ReceiverOptions, start
start(ReceiverOptions(**json.loads(sys.argv[1])))
"""
STOP = """
import json, sys
from linerate.errors import LinerateError
from linerate.receiver.process import stop
try:
    print(json.dumps(stop(sys.argv[1]).to_json()))
except LinerateError as error:
    print(json.dumps({"msg": str(error)}))
"""


@dataclass(frozen=True)
class Ended:
    """How a program ended: status, seconds since the fault, and what it wrote; ``hung`` until it was killed."""

    status: int
    seconds: float
    stdout: str
    stderr: str
    stderr_bytes: int
    hung: bool


class Bench:
    """The lab, and a folder of one's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.chmod(0o755)
        self._pipes: list[_Pipe] = []
        self._mounts = 0
        self._others: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Bench:
        self.own_state(0)
        present(run)
        return self

    def own_state(self, user: int) -> None:
        """Have the folder of what runs keep state in empty, and belong to ``user``."""
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"mode=0755,uid={user}", "linerate-faults", "/run/linerate"], check=True
        )
        self._mounts += 1

    def __exit__(self, *error: object) -> None:
        for process in self._others:
            process.kill()
            process.wait()
        for pid in self.tcpreplays():
            os.kill(pid, signal.SIGKILL)
        forget([name_of(TRIAL)])
        absent(run)
        for _ in range(self._mounts):
            subprocess.run(["umount", "--lazy", "/run/linerate"], check=True)

    def pcap(self, name: str = "test.pcap", change: Callable[[bytes], bytes] | None = None, **given: Any) -> str:
        """A pcap of 1,000 UDP frames of 78 bytes, or as ``given``, its bytes changed."""
        macs = {"src_mac": SENDER.mac, "dst_mac": RECEIVER.mac}
        spec = PcapSpec(**{"protocol": "udp", "packets": 1000, **macs, **given})
        path = self.folder / name
        write_pcap(str(path), spec, build_template(spec))
        if change:
            path.write_bytes(change(path.read_bytes()))
        return str(path)

    def ip(self, namespace: str, *arguments: str) -> None:
        subprocess.run(["ip", "-n", namespace, *arguments], check=True)

    def inside(self, *command: str, namespace: str = SENDER.namespace) -> str:
        """What a command in a namespace of the lab wrote; nothing where it failed."""
        inside = ["ip", "netns", "exec", namespace, *command]
        return subprocess.run(inside, capture_output=True, text=True, check=False).stdout

    def tcpreplays(self) -> list[int]:
        """The processes in the sender's namespace that are tcpreplay."""
        pids = subprocess.run(["ip", "netns", "pids", SENDER.namespace], capture_output=True, text=True, check=False)
        return [int(pid) for pid in pids.stdout.split() if _command(int(pid)) == "tcpreplay"]

    def sent(self) -> int:
        """Packets that left the sending interface, and those that were dropped there."""
        folder = f"/sys/class/net/{SENDER.interface}/statistics"
        return sum(map(int, self.inside("cat", f"{folder}/tx_packets", f"{folder}/tx_dropped").split()))

    def another(self, command: Sequence[str]) -> None:
        """Have another program run beside, until the end, and wait until it sends."""
        before = self.sent()
        self._others.append(self._start(command))
        self.until(lambda: self.sent() > before + 20)

    def until(self, is_so: Callable[[], Any]) -> None:
        """Wait; TimeoutError where it does not come about."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not is_so():
            if time.monotonic() > end:
                raise TimeoutError("what the fault needs did not come about")
            time.sleep(0.02)

    def interface(self) -> Mapping[str, str]:
        """What a run must leave as it was."""
        shown = self.inside("ip", "-json", "address", "show", "dev", SENDER.interface)
        if not shown:
            return {"interface": "gone"}
        link = json.loads(shown)[0]
        flags = set(link["flags"])
        return {
            "up": "yes" if "UP" in flags else "no",
            "carrier": "yes" if "LOWER_UP" in flags else "no",
            "promiscuous": "yes" if "PROMISC" in flags else "no",
            "mtu": str(link["mtu"]),
            "addresses": str([address["local"] for address in link["addr_info"]]),
            "offloads": self.inside("ethtool", "-k", SENDER.interface),
            "pause": self.inside("ethtool", "-a", SENDER.interface),
            "queue": re.sub(r"qdisc (\S+) \S+", r"\1", self.inside("tc", "qdisc", "show", "dev", SENDER.interface)),
        }

    def _start(self, command: Sequence[str]) -> subprocess.Popen[str]:
        inside = ["ip", "netns", "exec", SENDER.namespace, *command]
        return subprocess.Popen(inside, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.folder)

    def send(self, command: Sequence[str], during: Callable[[Bench], None] | None, seconds: float) -> Ended:
        """Run ``command``, do the fault once it sends, and see how it ends; after ``seconds`` more it is killed."""
        before, begun = self.sent(), time.monotonic()
        process = self._start(command)
        self._pipes = pipes = [_Pipe(pipe) for pipe in (process.stdout, process.stderr)]
        if during:
            self.until(lambda: self.sent() > before + 20 or process.poll() is not None)
            time.sleep(SENDING_SECONDS)
            begun = time.monotonic()
            during(self)
        hung = False
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            hung = True
            for pid in [*self.tcpreplays(), process.pid]:
                os.kill(pid, signal.SIGKILL)
            process.wait()
        ended = time.monotonic() - begun
        stdout, stderr = (pipe.text() for pipe in pipes)
        return Ended(process.returncode, ended, stdout, stderr, pipes[1].total, hung)

    def module(self, pcap: str, prefix: Sequence[str] = (), **options: Any) -> list[str]:
        """The command that runs linerate_replay for ``pcap`` with ``options``."""
        told = {
            "interface": SENDER.interface,
            "pcap": pcap,
            "allow_destinations": list(ALLOWED),
            "work": "trial faults",
            "deadline_seconds": 60,
            "stall_seconds": 2,
            "interval_seconds": 0.2,
            "trial": TRIAL,
            **options,
        }
        return [*prefix, sys.executable, str(REPOSITORY / "tests/faults/module.py"), json.dumps(told)]

    def count(self, prefix: Sequence[str] = ()) -> None:
        """Have the receiver count, until :meth:`counted`, by a process with the rights that ``prefix`` leaves it."""
        options = ReceiverOptions(RUN_ID, RECEIVER.interface, "198.18.0.0/15", 60, 9018, 300.0)
        inside = ["ip", "netns", "exec", RECEIVER.namespace, *prefix]
        subprocess.run([*inside, sys.executable, "-c", COUNT, json.dumps(vars(options))], check=True)

    def counted(self) -> dict[str, Any]:
        """What the receiver counted, or ``msg``, why it did not."""
        found: dict[str, Any] = json.loads(
            self.inside(sys.executable, "-c", STOP, RUN_ID, namespace=RECEIVER.namespace)
        )
        return found

    def forsake(self) -> None:
        """Read nothing more of what the sending program writes, as if who started it had gone."""
        for pipe in self._pipes:
            pipe.leave()

    def kill_count(self) -> None:
        """Kill all that runs at the receiver."""
        pids = subprocess.run(["ip", "netns", "pids", RECEIVER.namespace], capture_output=True, text=True, check=True)
        for pid in pids.stdout.split():
            os.kill(int(pid), signal.SIGKILL)


class _Pipe:
    """The beginning of what comes out of a pipe, which is read as fast as it comes."""

    KEPT = 1 << 20

    def __init__(self, pipe: IO[str] | None) -> None:
        assert pipe is not None
        self.total, self._pipe, self._kept = 0, pipe, b""
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        # A read that waits would keep the pipe open.
        while not self._left.is_set():
            if select.select([self._pipe], [], [], 0.05)[0]:
                piece = os.read(self._pipe.fileno(), 1 << 16)
                if not piece:
                    break
                self.total += len(piece)
                self._kept += piece[: self.KEPT - len(self._kept)]
        self._pipe.close()

    def leave(self) -> None:
        """Close this end while the other one is written to."""
        self._left.set()
        self._thread.join()

    def text(self) -> str:
        self._thread.join(10)
        return self._kept.decode("utf-8", "replace")


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
