"""Runs of the benchmark's playbook in a lab that only the benchmarks here use (root)."""

from __future__ import annotations

import ctypes
import json
import os
import pty
import resource
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from linerate.lab.namespaces import absent, present
from linerate.system.run import run as run_command

ROOT = Path(__file__).resolve().parents[1]
CLONE_NEWNS = 0x00020000
OWN = ("/run/netns", "/run/linerate", "/var/lib/linerate")


def own_mounts() -> None:
    """Hide the folders of a lab that is up from this process and its children. OSError where that is not permitted."""
    for folder in OWN:
        os.makedirs(folder, exist_ok=True)
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "cannot have mounts of its own: run it as root")
    for options in (("--make-rprivate", "/"), *(("-t", "tmpfs", "linerate-bench", folder) for folder in OWN)):
        if run_command(("mount", *options)).returncode != 0:
            raise OSError(f"mount {' '.join(options)} failed: run it as root")


@contextmanager
def lab() -> Iterator[Path]:
    """A lab in mounts of this process's own, next to the machine's; yields a folder for pcaps and results."""
    own_mounts()
    present(run_command)
    try:
        with tempfile.TemporaryDirectory() as name:
            yield Path(name)
    finally:
        absent(run_command)


def benchmark(folder: Path, run_id: str, output: str, **given: Any) -> float:
    """Run the benchmark on a terminal, with the console's ``output``; returns the CPU seconds of Ansible.

    The run is ``folder``/results/``run_id``.
    """
    variables = {
        "benchmark_run_id": run_id,
        "benchmark_results_dir": str(folder / "results"),
        "pcaps_dir": str(folder / "pcaps"),
        "benchmark_cases": ["udp_port_scan_64"],
        "benchmark_engines": ["kernel"],
        "benchmark_proof": False,
        **given,
    }
    playbook = [str(ROOT / ".venv" / "bin" / "ansible-playbook"), "playbooks/benchmark.yml", "-i", "inventory/lab"]
    settings = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "LC_ALL": "C.UTF-8", "TERM": "xterm"}
    master, slave = pty.openpty()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(
        [*playbook, "-e", json.dumps(variables)],
        cwd=ROOT, env={**os.environ, **settings, "LINERATE_OUTPUT": output}, stdin=slave, stdout=slave, stderr=slave,
    )  # fmt: skip
    os.close(slave)
    shown = _drain(master)
    if process.wait() != 0:
        raise RuntimeError(f"the playbook failed:\n{shown.decode(errors='replace')}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _drain(terminal: int) -> bytes:
    shown = b""
    try:
        while chunk := os.read(terminal, 65536):
            shown += chunk
    except OSError:
        # The other end is closed.
        pass
    os.close(terminal)
    return shown
