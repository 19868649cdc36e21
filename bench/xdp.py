#!/usr/bin/env python3
"""The AF_XDP sender compared with tcpreplay and trafgen, in one run, interleaved (root).

Each sender runs as a whole process, CPU time and memory as the kernel accounts them, on a veth pair of two queues
between two namespaces of this run. "Ceiling" is the sending loop against rings that are emptied at once, without a
kernel. "Looped" is a pcap that fits into the cache of a core, sent as often as makes the packets of the large one.
The row of a program that is not installed says so. Prints a table of medians, and writes the figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from linerate.lab.namespaces import discarding
from linerate.lab.topology import End
from linerate.pcap.reader import RECORD_HEADER_BYTES
from linerate.pcap.spec import PcapSpec
from linerate.pcap.split import records
from linerate.pcap.template import build_templates
from linerate.pcap.writer import write_pcap
from linerate.xdp import program
from linerate.xdp.events import find
from linerate.xdp.schedule import SECOND
from linerate.xdp.transmit import Load, Transmitter
from linerate.xdp.xsk import DESCRIPTOR_BYTES, RING_DESCRIPTORS

NEAR, FAR = f"linerate-bench-near-{os.getpid()}", f"linerate-bench-far-{os.getpid()}"
NEAR_MAC, FAR_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
LOOPS = {64: 20, 1500: 15}
PCAP_PACKETS = 64_511
SMALL_PACKETS = 1_024
"""Frames of 78 B, their records and descriptors: 110 KiB, less than the L2 cache of any core of a server."""
RATES = (1_000, 10_000, 100_000, 300_000)
LARGE_PACKETS = 1_000_000
SPARE_BYTES = 40 << 20
CEILING_PACKETS = 200_000_000


@dataclass(frozen=True)
class Figure:
    """One figure: the median of its values, the least and the most of them, and what is promised of it.

    None where it was not measured, as the program is not installed.
    """

    name: str
    unit: str
    median: float | None
    least: float | None
    most: float | None
    promised: str
    kept: bool | None

    @classmethod
    def of(cls, name: str, unit: str, values: Sequence[float], promised: str, kept: Callable[[float], bool]) -> Figure:
        if not values:
            return cls(name, unit, None, None, None, promised, None)
        median = statistics.median(values)
        return cls(name, unit, median, min(values), max(values), promised, kept(median))


@dataclass(frozen=True)
class Ran:
    """A process that ended: its CPU time and elapsed time in seconds, its memory in bytes, and its output."""

    cpu: float
    seconds: float
    peak_bytes: int
    output: str


class AtOnce:
    """Rings that are empty again as soon as they are full."""

    def __init__(self) -> None:
        self.count = RING_DESCRIPTORS
        self.entries = memoryview(bytearray(self.count * DESCRIPTOR_BYTES))
        self._produced = 0

    def publish(self, produced: int) -> None:
        self._produced = produced & 0xFFFFFFFF

    def completed(self) -> int:
        return self._produced

    def wake(self) -> int:
        return 0


@contextmanager
def cable() -> Iterator[None]:
    """Two namespaces joined by a veth pair of two queues; as in the lab, the far one discards."""
    ends = ((NEAR, "near0", NEAR_MAC), (FAR, "far0", FAR_MAC))
    for name, _, _ in ends:
        ip("netns", "add", name)
    try:
        for name, _, _ in ends:
            command = ["ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1"]
            subprocess.run(command, check=True)
        queues = ("numtxqueues", "2", "numrxqueues", "2")
        far = ("peer", "name", "far0", "address", FAR_MAC, "netns", FAR, *queues)
        ip("-n", NEAR, "link", "add", "near0", "address", NEAR_MAC, *queues, "type", "veth", *far)
        for name, interface, _ in ends:
            ip("-n", name, "link", "set", interface, "up")
        for command in discarding(End(FAR, "far0", FAR_MAC)):
            subprocess.run(command, check=True)
        yield
    finally:
        for name, _, _ in ends:
            ip("netns", "delete", name)


def ip(*arguments: str) -> None:
    """Run ip(8)."""
    command = ["ip", *arguments]
    subprocess.run(command, check=True)


def start(*argv: str) -> subprocess.Popen[str]:
    """Start a command in the near namespace."""
    command = ["ip", "netns", "exec", NEAR, *argv]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def finish(process: subprocess.Popen[str], begun: float) -> Ran:
    """Wait for a process, which must succeed."""
    output = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{process.args} ended with {process.returncode}")
    return Ran(usage.ru_utime + usage.ru_stime, time.monotonic() - begun, 1024 * usage.ru_maxrss, output)


def run(*argv: str) -> Ran:
    begun = time.monotonic()
    return finish(start(*argv), begun)


def xdp(pcap: str, *options: str) -> list[str]:
    return [sys.executable, "-I", program.path(), "--interface=near0", f"--pcap={pcap}", *options]


def tcpreplay(pcap: str, loops: int) -> list[str]:
    return ["tcpreplay", "--intf1=near0", "--preload-pcap", "--topspeed", f"--loop={loops}", pcap]


def trafgen(configuration: str, packets: int) -> list[str]:
    name = ["--conf", configuration, "--num", str(packets)]
    return ["trafgen", "--cpus", "1", "--out", "near0", *name, "--no-sock-mem"]


def configure(pcap: str) -> str:
    """Write the frames of ``pcap`` for trafgen, which sends those of a pcap only once; the path."""
    path = Path(pcap).with_suffix(".cfg")
    with open(pcap, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        frames = (record[RECORD_HEADER_BYTES:] for record in records(content))
        path.write_text("".join(f"{{ {', '.join(map(str, frame))} }}\n" for frame in frames))
    return str(path)


def pps_of_two(pcap: str, loops: int) -> float:
    """The packets per second of two xdp processes together, one per queue and core."""
    begun = time.monotonic()
    both = [start(*xdp(pcap, "--topspeed", f"--loop={loops}", f"--queue={n}", f"--cpu={n}")) for n in (0, 1)]
    ended = [find(finish(one, begun).output, "end") or {} for one in both]
    return sum(one["packets"] for one in ended) / max(one["seconds"] for one in ended)


def compared(pcaps: dict[int, str], small: str, repeats: int) -> list[Figure]:
    """Packets per CPU-second of each sender, as ratios of the same repeat."""
    ratios: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        ratios.setdefault(name, []).append(value)

    configuration = configure(small)
    for _ in range(repeats):
        for length, loops in LOOPS.items():
            pcap, packets = pcaps[length], loops * PCAP_PACKETS
            kernel = run(*tcpreplay(pcap, loops))
            ours = run(*xdp(pcap, "--topspeed", f"--loop={loops}"))
            note(f"tcpreplay {length}", kernel.cpu / ours.cpu)
            note(f"xdp {length}", packets / ours.cpu)
            note(f"kernel {length}", packets / kernel.cpu)
            if length == 64:
                limit = ("--loop=0", f"--limit={packets}")
                note("two", pps_of_two(pcap, loops) * kernel.seconds / packets)
                looped = run(*xdp(small, "--topspeed", *limit))
                note("looped", ours.cpu / looped.cpu)
                note("looped kernel", kernel.cpu / run(*tcpreplay(small, packets // SMALL_PACKETS)).cpu)
                if shutil.which("trafgen"):
                    note("trafgen", run(*trafgen(configuration, packets)).cpu / looped.cpu)
    per_second, cpu = "packets per CPU-second", "times, per CPU-second"
    rows = [
        ("xdp, 78 B", f"xdp {64}", per_second, 0.0),
        ("tcpreplay, 78 B", f"kernel {64}", per_second, 0.0),
        ("xdp against tcpreplay, 78 B", "tcpreplay 64", cpu, 1.7),
        ("xdp, 1514 B", "xdp 1500", per_second, 0.0),
        ("tcpreplay, 1514 B", "kernel 1500", per_second, 0.0),
        ("xdp against tcpreplay, 1514 B", "tcpreplay 1500", cpu, 1.5),
        (f"xdp against trafgen on one CPU, {SMALL_PACKETS:,} looped", "trafgen", cpu, 1.25),
        ("two xdp processes against one tcpreplay, 78 B", "two", "times, pps", 2.3),
        (f"xdp, {SMALL_PACKETS:,} packets looped, against {PCAP_PACKETS:,}", "looped", cpu, 0.0),
        (f"tcpreplay, {SMALL_PACKETS:,} looped, against {PCAP_PACKETS:,}", "looped kernel", cpu, 0.0),
    ]
    return [at_least(name, unit, ratios.get(key, ()), least) for name, key, unit, least in rows]


def at_least(name: str, unit: str, values: Sequence[float], least: float) -> Figure:
    return Figure.of(name, unit, values, f"at least {least:g}" if least else "", lambda median: median >= least)


def ceiling(repeats: int) -> Figure:
    """The sending loop alone, on one core."""
    table = memoryview(bytes(DESCRIPTOR_BYTES * PCAP_PACKETS))
    rates = []
    for _ in range(repeats):
        tally = Transmitter(AtOnce(), table, Load(CEILING_PACKETS, None)).run()
        rates.append(1e-6 * tally.sent * SECOND / (tally.ended - tally.started))
    return at_least("ceiling of the sending loop", "Mpps", rates, 20)


def paced(pcap: str, repeats: int) -> list[Figure]:
    figures = []
    for pps in RATES:
        off = []
        for _ in range(repeats):
            end = find(run(*xdp(pcap, f"--pps={pps}", f"--limit={pps + 1}", "--loop=0")).output, "end") or {}
            off.append(abs(100 * ((end["packets"] - 1) / end["seconds"] / pps - 1)))
        name = f"sent against {pps:,} pps offered"
        figures.append(Figure.of(name, "% off", off, "at most 0.1", lambda median: median <= 0.1))
    return figures


def started(pcap: str, repeats: int) -> Figure:
    """From the start of the process to its first packet."""
    seconds = [run(*xdp(pcap, "--topspeed", "--limit=1")).seconds for _ in range(repeats)]
    return Figure.of(f"start, one of {PCAP_PACKETS:,} packets, end", "s", seconds, "at most 0.5", lambda m: m <= 0.5)


def memory(pcap: str, repeats: int) -> Figure:
    promised = Path(pcap).stat().st_size + DESCRIPTOR_BYTES * LARGE_PACKETS + SPARE_BYTES
    peaks = [run(*xdp(pcap, "--topspeed")).peak_bytes / 1e6 for _ in range(repeats)]
    text = f"at most {promised / 1e6:.0f}"
    return Figure.of(f"memory, {LARGE_PACKETS:,} packets of 78 B", "MB", peaks, text, lambda m: m <= promised / 1e6)


def table(figures: Sequence[Figure]) -> str:
    """The figures as a text table."""
    lines = [f"{'figure':<48} {'median':>10} {'least':>10} {'most':>10}  {'unit':<24} promised"]
    for one in figures:
        if one.median is None or one.least is None or one.most is None:
            lines.append(f"{one.name:<48} {'not measured: the program is not installed':>32}")
            continue
        digits = 0 if one.median >= 1000 else 3
        numbers = " ".join(f"{value:10,.{digits}f}" for value in (one.median, one.least, one.most))
        kept = f"{one.promised}: {'yes' if one.kept else 'NO'}" if one.promised else ""
        lines.append(f"{one.name:<48} {numbers}  {one.unit:<24} {kept}")
    return "\n".join(lines)


def main() -> None:
    """Measure each figure, and print and write them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, default=Path(__file__).with_suffix(".json"), help="file of the figures")
    given = parser.parse_args()
    program.install()
    with tempfile.TemporaryDirectory() as folder, cable():
        pcaps = {}
        for length in LOOPS:
            spec = PcapSpec("udp", ip_length=length, src_mac=NEAR_MAC, dst_mac=FAR_MAC)
            pcaps[length] = f"{folder}/{length}.pcap"
            write_pcap(pcaps[length], spec, build_templates(spec))
        large = PcapSpec("udp", packets=LARGE_PACKETS, src_mac=NEAR_MAC, dst_mac=FAR_MAC)
        write_pcap(f"{folder}/large.pcap", large, build_templates(large))
        short = PcapSpec("udp", packets=SMALL_PACKETS, src_mac=NEAR_MAC, dst_mac=FAR_MAC)
        write_pcap(f"{folder}/small.pcap", short, build_templates(short))
        figures = [
            *compared(pcaps, f"{folder}/small.pcap", given.repeats),
            ceiling(given.repeats),
            *paced(pcaps[64], given.repeats),
            started(pcaps[64], given.repeats),
            memory(f"{folder}/large.pcap", given.repeats),
        ]
    print(table(figures))
    given.json.write_text(json.dumps([asdict(one) for one in figures], indent=2) + "\n")
    print(f"figures: {given.json}")


if __name__ == "__main__":
    main()
