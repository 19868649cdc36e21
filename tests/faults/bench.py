"""A fresh lab in which a fault is injected, into tcpreplay alone or into the module linerate_replay."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ansible
from tests.integration.trials import eventually, make_pcap, make_trial, senders, sent_packets

import linerate
from linerate.errors import InputError
from linerate.lab.namespaces import RECEIVER, SENDER, absent, present
from linerate.system.run import run
from linerate.trial.journal import forget

SENDING_SECONDS = 0.7
"""How long the program sends before the fault, so that there is a partial result."""
STATE = "/run/linerate"
RUN_ID = "faults"
TRIAL_ID = "001-fault-kernel-r1"
MEMORY_GROUP = Path("/sys/fs/cgroup", *(["memory"] if Path("/sys/fs/cgroup/memory").is_dir() else []), RUN_ID)
"""A control group, of version 1 or 2, for the programs of a bench."""
MODULE = str(Path(__file__).with_name("module.py"))


def _python() -> list[str]:
    """The command of an interpreter that unprivileged users may run, too; that of pytest may be in root's home."""
    if all(folder.stat().st_mode & 0o001 for folder in Path(sys.executable).resolve().parents):
        return [sys.executable]
    packages = (str(Path(module.__path__[0]).parent) for module in (linerate, ansible))
    return [
        "env",
        f"PYTHONPATH={os.pathsep.join(packages)}",
        shutil.which("python3", path=os.defpath) or sys.executable,
    ]


@dataclass(frozen=True)
class Ended:
    """How a program ended; ``seconds`` count from the fault, and one that is ``hung`` was killed at its timeout."""

    status: int
    seconds: float
    stdout: str
    stderr: str
    stderr_bytes: int
    hung: bool


class Bench:
    """The lab, a folder for files, and the programs that run in the sender's namespace.

    What enters ``stack`` ends with the bench.
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.stack = folder, stack
        self.programs: list[subprocess.Popen[bytes]] = []

    def pcap(self, name: str = "test.pcap", change: Callable[[bytes], bytes] | None = None, **spec: Any) -> str:
        """Write a pcap of 1,000 UDP frames of 78 bytes, or as ``spec`` says, and then ``change`` its bytes."""
        path = self.folder / name
        make_pcap(path, **{"packets": 1000, **spec})
        if change:
            path.write_bytes(change(path.read_bytes()))
        return str(path)

    def module(self, pcap: str, **options: Any) -> list[str]:
        """The command that runs linerate_replay for ``pcap``: as a trial, or with options that make none."""
        given = {"pcap": pcap, "stall_seconds": 2, "interval_seconds": 0.2, "deadline_seconds": 60, **options}
        arguments: dict[str, Any]
        try:
            arguments = {"trial": make_trial(trial_id=TRIAL_ID, run_id=RUN_ID, **given).to_json()}
        except (InputError, TypeError):
            usual = {"interface": SENDER.interface, "allow_destinations": ["198.18.0.0/15", RECEIVER.mac]}
            arguments = {**usual, **given}
        return [*_python(), MODULE, json.dumps({"work": "trial faults", **arguments})]

    def start(self, command: Sequence[str]) -> Callable[[], bool]:
        """Start ``command`` in the sender's namespace; returns a function that says whether it sends, or has ended."""
        before = packets_out()
        argv = ["ip", "netns", "exec", SENDER.namespace, *command]
        program = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder)
        self.programs.append(program)
        return lambda: program.poll() is not None or packets_out() > before + 20

    def run(self, command: Sequence[str], during: Callable[[Bench], object] | None, timeout_seconds: float) -> Ended:
        """Run ``command``, inject the fault ``during`` sending, and wait for its end."""
        begun, hung = time.monotonic(), False
        sends = self.start(command)
        program = self.programs[-1]
        with ThreadPoolExecutor(1) as reader:
            messages = reader.submit(drained, program.stderr)
            # Only the reader reads them.
            program.stderr = None
            try:
                if during:
                    eventually("the program sends", sends)
                    time.sleep(SENDING_SECONDS)
                    begun = time.monotonic()
                    during(self)
                stdout, _ = program.communicate(timeout=timeout_seconds)
            except subprocess.TimeoutExpired:
                hung = True
                self.kill()
                stdout, _ = program.communicate()
            except BaseException:
                # Or the reader would wait for the end of its output.
                self.kill()
                raise
            seconds = time.monotonic() - begun
            stderr_bytes, stderr = messages.result()
        return Ended(program.returncode, seconds, stdout.decode(errors="replace"), stderr, stderr_bytes, hung)

    def kill(self) -> None:
        """Kill every program, and every tcpreplay."""
        for program in self.programs:
            program.kill()
        for pid in senders():
            os.kill(pid, signal.SIGKILL)

    def stop_reading(self) -> None:
        """Close the pipe of the program's output, as the end of ansible-playbook or of its SSH connection does."""
        pipe = self.programs[-1].stdout
        assert pipe is not None
        pipe.close()


def packets_out() -> int:
    """Packets that the sending interface sent or dropped."""
    return sent_packets() + sent_packets("tx_dropped")


def drained(pipe: Any) -> tuple[int, str]:
    """Read ``pipe`` to its end, as fast as it is written: the bytes, and the last of them as text."""
    size, tail = 0, b""
    while piece := pipe.read1(1 << 16):
        size, tail = size + len(piece), (tail + piece)[-300:]
    return size, tail.decode(errors="replace")


@contextmanager
def new_bench(folder: Path) -> Iterator[Bench]:
    """A bench with its own lab and its own empty state folder, whose files are in ``folder``."""
    with ExitStack() as stack:
        bench = Bench(folder, stack)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "linerate-faults", STATE], check=True)
        stack.callback(subprocess.run, ["umount", "--lazy", STATE], check=True)
        present(run)
        stack.callback(absent, run)
        stack.callback(lambda: MEMORY_GROUP.is_dir() and MEMORY_GROUP.rmdir())
        stack.callback(forget, [f"{RUN_ID}--{TRIAL_ID}"])
        stack.callback(lambda: [program.wait() for program in bench.programs])
        stack.callback(bench.kill)
        yield bench
