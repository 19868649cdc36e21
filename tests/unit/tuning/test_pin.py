"""A process is really pinned, and moved to the isolated partition where that contains the CPU."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from linerate.errors import HostError, InputError
from linerate.tuning.pin import PARTITION, allowed_cpus, partition_cpus, pin, refuse_cpu

CPU = max(os.sched_getaffinity(0))


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as started:
        yield started
        started.kill()


@pytest.fixture
def partition(tmp_path: Path) -> Path:
    folder = tmp_path / PARTITION
    folder.mkdir(parents=True)
    (folder / "cpuset.cpus").write_text(f"{CPU}\n")
    (folder / "cpuset.cpus.partition").write_text("isolated\n")
    return folder


def test_process_is_pinned(process):
    pin(process.pid, CPU)
    assert os.sched_getaffinity(process.pid) == {CPU}
    assert allowed_cpus(process.pid) == str(CPU)


def test_process_is_moved_to_the_partition_of_the_cpu(process, partition, tmp_path):
    pin(process.pid, CPU, str(tmp_path))
    assert (partition / "cgroup.procs").read_text() == str(process.pid)
    assert os.sched_getaffinity(process.pid) == {CPU}


@pytest.mark.parametrize("state", ["member\n", "isolated invalid (Parent is not a partition root)\n"])
def test_invalid_partition_is_ignored(process, partition, tmp_path, state):
    (partition / "cpuset.cpus.partition").write_text(state)
    assert partition_cpus(str(tmp_path)) == frozenset()
    pin(process.pid, CPU, str(tmp_path))
    assert not (partition / "cgroup.procs").exists()


def test_ended_process_is_ignored(process):
    process.kill()
    process.wait()
    pin(process.pid, CPU)
    assert allowed_cpus(process.pid) is None


def test_rejected_cpu_is_reported(process):
    with pytest.raises(HostError, match="cpu 4095: tcpreplay cannot be pinned to it: Invalid argument"):
        pin(process.pid, 4095)


def test_offline_cpu_is_refused_with_the_online_ones(tmp_path):
    (tmp_path / "sys/devices/system/cpu").mkdir(parents=True)
    (tmp_path / "sys/devices/system/cpu/online").write_text("0-2\n")
    refuse_cpu(2, root=str(tmp_path))
    with pytest.raises(InputError, match=r"cpu 3: is not among the online CPUs of this host \(0-2\)"):
        refuse_cpu(3, root=str(tmp_path))
