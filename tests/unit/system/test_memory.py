"""The memory that is left, and the kernel's signs that it ran out, on simulated hosts of both versions of cgroups."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from linerate.errors import HostError
from linerate.system.memory import OomWatch, lockable_bytes, room
from linerate.tcpreplay.preload import PROGRAM_BYTES, preload_bytes, refuse_preload

V2 = {
    "proc/self/cgroup": "0::/system.slice/ssh.scope\n",
    "proc/self/mountinfo": "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n",
    "sys/fs/cgroup/system.slice/memory.max": "200000000\n",
    "sys/fs/cgroup/system.slice/memory.current": "150000000\n",
    "sys/fs/cgroup/system.slice/memory.stat": "anon 100\ninactive_file 20000000\nactive_file 1000000\n",
    "sys/fs/cgroup/system.slice/ssh.scope/memory.max": "max\n",
    "sys/fs/cgroup/system.slice/ssh.scope/memory.current": "1000\n",
    "sys/fs/cgroup/system.slice/ssh.scope/memory.events": "oom 0\noom_kill 0\n",
}
V1 = {
    "proc/self/cgroup": "9:name=systemd:/\n4:cpu,memory:/docker/0123\n0::/\n",
    "proc/self/mountinfo": (
        "30 24 0:26 /docker/0123 /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
        "31 24 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
    ),
    "sys/fs/cgroup/memory/memory.limit_in_bytes": "60000000\n",
    "sys/fs/cgroup/memory/memory.usage_in_bytes": "10000000\n",
    "sys/fs/cgroup/memory/memory.stat": "cache 9\ntotal_inactive_file 3000000\ntotal_active_file 0\n",
    "sys/fs/cgroup/memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n",
}
GROUP = "/sys/fs/cgroup/memory"
HOST = {"proc/meminfo": "MemTotal: 900000 kB\nMemAvailable: 500000 kB\n", "proc/vmstat": "pgfault 1\noom_kill 3\n"}


@pytest.fixture
def host(tmp_path: Path):
    """A function that writes the files of a host; the root folder."""

    def put(files: dict[str, str]) -> str:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return str(tmp_path)

    return put


@pytest.mark.parametrize(
    ("group", "available", "where"),
    [({}, 512_000_000, "the host"), (V2, 71_000_000, "system.slice "), (V1, 53_000_000, "cgroup/memory ")],
    ids=["none", "version 2", "version 1"],
)
def test_the_least_that_host_and_groups_leave(host, group, available, where):
    found = room(host({**HOST, **group}))
    assert found is not None
    assert found.available == available
    assert where in found.where


def test_the_groups_of_a_network_namespace_are_found_by_the_process_that_entered_it(host, tmp_path):
    moved = {name.replace("sys/fs", "proc/41/root/sys/fs"): content for name, content in V1.items()}
    moved["proc/41/mountinfo"] = moved.pop("proc/self/mountinfo")
    parents = {"proc/self/status": "Name:\tpython3\nPPid:\t42\n", "proc/42/status": "Name:\tip\nPPid:\t41\n"}
    found = room(host({**HOST, **moved, **parents}))
    assert found is not None
    assert (found.available, found.where) == (53_000_000, f"the control group {tmp_path}{GROUP} (limit 60 MB)")


def test_a_host_that_says_nothing_limits_nothing(tmp_path):
    assert room(str(tmp_path)) is None
    refuse_preload("a.pcap", 10**9, 10**12, str(tmp_path))


def test_a_pcap_that_does_not_fit_is_refused_with_the_numbers(host):
    root = host({**HOST, **V1})
    refuse_preload("a.pcap", 50_000, 3_000_000, root)
    message = r"pcap 'a.pcap': needs 82 MB .*.limit 60 MB. has 53 MB left\. Set preload_pcap to false"
    with pytest.raises(HostError, match=message):
        refuse_preload("a.pcap", 100_000, 7_800_000, root)


@pytest.mark.parametrize(("length", "measured"), [(60, 640), (78, 664), (1514, 2092)])
def test_the_estimate_is_close_to_what_was_measured(length, measured):
    per_packet = (preload_bytes(1000, 1000 * length) - PROGRAM_BYTES) / 1000
    assert measured <= per_packet <= 1.01 * measured


@pytest.mark.parametrize(
    ("group", "events", "killed"),
    [
        (V2, "sys/fs/cgroup/system.slice/ssh.scope/memory.events", "oom_kill 1\n"),
        (V1, "sys/fs/cgroup/memory/memory.oom_control", "oom_kill_disable 0\noom_kill 1\n"),
    ],
    ids=["version 2", "version 1"],
)
def test_a_kill_in_the_group_of_the_process_is_named(host, group, events, killed):
    files = {**HOST, **group}
    files["proc/77/cgroup"] = files["proc/self/cgroup"]
    root = host(files)
    watch = OomWatch(root)
    watch.note(77)
    assert watch.reason() is None
    host({events: killed, "proc/77/cgroup": "0::/\n"})
    watch.note(77)
    assert "the kernel killed it because memory ran out in its control group" in str(watch.reason())


def test_a_kill_on_the_host_is_named(host):
    watch = OomWatch(host(HOST))
    host({"proc/vmstat": "oom_kill 4\n"})
    assert watch.reason() == "the kernel killed it because memory ran out"


@pytest.mark.parametrize(
    ("users", "effective", "limit", "expected"),
    [
        ("         0          0 4294967295\n", 1 << 14, 65_536, None),
        ("         0       1000          1\n", 1 << 14, 65_536, 65_536),
        ("         0          0 4294967295\n", 0, 65_536, 65_536),
        ("         0          0 4294967295\n", 0, resource.RLIM_INFINITY, None),
    ],
    ids=["privileged", "a user namespace", "no capability", "no limit"],
)
def test_how_much_memory_may_be_locked(host, monkeypatch, users, effective, limit, expected):
    monkeypatch.setattr(resource, "getrlimit", lambda which: (0, limit))
    root = host({"proc/self/uid_map": users, "proc/self/status": f"CapEff:\t{effective:016x}\n"})
    assert lockable_bytes(root) == expected


def test_every_process_that_preloads_is_counted():
    assert preload_bytes(1000, 78_000, 3) - preload_bytes(1000, 78_000) == 2 * PROGRAM_BYTES
