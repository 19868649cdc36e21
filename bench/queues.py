#!/usr/bin/env python3
"""What the choice of the transmit queue does to two tcpreplay processes of the engine kernel (root).

The pcap is split by flow; each process has a core of its own, and sends on a veth pair of two queues, each with a
qdisc and its lock, as a NIC has them (mq). The kernel chooses the queue of a packet by its flow, or by the CPU (XPS,
Documentation/networking/scaling.rst). Repeats interleave the setups. Prints the median packet rate of both processes
together, its ratio to one process in the same repeat, and the share of the first queue; writes the figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from xdp import FAR_MAC, NEAR, NEAR_MAC, PCAP_PACKETS, cable, finish, start, tcpreplay

from linerate.pcap.spec import PcapSpec
from linerate.pcap.split import split
from linerate.pcap.template import build_templates
from linerate.pcap.writer import write_pcap

LOOPS = 20
BY_FLOW, BY_CPU, ONE_QUEUE = (0, 0), (1, 2), (3, 0)
"""CPUs of each queue as masks for xps_cpus; without any, the flow decides."""
SETUPS = {
    "one process": ("all ports", 1, BY_FLOW),
    "two, queue by flow": ("all ports", 2, BY_FLOW),
    "two, queue by CPU": ("all ports", 2, BY_CPU),
    "two, on one queue": ("all ports", 2, ONE_QUEUE),
    "two flows, queue by flow": ("two ports", 2, BY_FLOW),
    "two flows, queue by CPU": ("two ports", 2, BY_CPU),
}


@dataclass(frozen=True)
class Sent:
    """One setup: packets per second in all, as a multiple of one process, and the percentage on the first queue."""

    setup: str
    pps: float
    ratio: float
    least_ratio: float
    most_ratio: float
    first_queue_percent: float


def sent_by_queue() -> list[int]:
    """The packets that each queue sent."""
    command = ["ip", "netns", "exec", NEAR, "tc", "-s", "-j", "qdisc", "show", "dev", "near0"]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return [one["packets"] for one in sorted(found, key=lambda one: one.get("parent", "")) if "parent" in one]


def map_queues(masks: Sequence[int]) -> None:
    """Set the CPUs of each queue."""
    for queue, mask in enumerate(masks):
        command = ["ip", "netns", "exec", NEAR, "tee", f"/sys/class/net/near0/queues/tx-{queue}/xps_cpus"]
        subprocess.run(command, input=f"{mask:x}", text=True, check=True, stdout=subprocess.DEVNULL)


def send(pcaps: Sequence[str], masks: Sequence[int]) -> tuple[float, float]:
    """Packets per second of one process for each of ``pcaps`` at once, and the percentage on the first queue."""
    map_queues(masks)
    before, begun = sent_by_queue(), time.monotonic()
    running = [start("taskset", "--cpu-list", str(cpu), *tcpreplay(pcap, LOOPS)) for cpu, pcap in enumerate(pcaps)]
    seconds = max(finish(one, begun).seconds for one in running)
    queues = [now - then for then, now in zip(before, sent_by_queue())]
    return sum(queues) / seconds, 100 * queues[0] / sum(queues)


def measure(pcaps: dict[str, str], repeats: int, folder: str) -> list[Sent]:
    """Send by each setup ``repeats`` times, interleaved."""
    found: dict[str, list[tuple[float, float, float]]] = {setup: [] for setup in SETUPS}
    for _ in range(repeats):
        alone = 0.0
        for setup, (pcap, count, masks) in SETUPS.items():
            parts = [pcaps[pcap]] if count == 1 else [one.path for one in split(pcaps[pcap], count, folder).parts]
            pps, percent = send(parts, masks)
            alone = alone or pps
            found[setup].append((pps, pps / alone, percent))
    rows = []
    for setup, values in found.items():
        rates, ratios, percents = zip(*values)
        middle = statistics.median(ratios), min(ratios), max(ratios)
        rows.append(Sent(setup, statistics.median(rates), *middle, statistics.median(percents)))
    return rows


def main() -> None:
    """Measure, and print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, default=Path(__file__).with_suffix(".json"), help="file of the figures")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, cable():
        mq = ["ip", "netns", "exec", NEAR, "tc", "qdisc", "add", "dev", "near0", "root", "handle", "1:", "mq"]
        subprocess.run(mq, check=True)
        specs = {
            "all ports": PcapSpec("udp", src_mac=NEAR_MAC, dst_mac=FAR_MAC),
            "two ports": PcapSpec("udp", src_mac=NEAR_MAC, dst_mac=FAR_MAC, last_port=1025, packets=PCAP_PACKETS),
        }
        pcaps = {name: f"{folder}/{name}.pcap" for name in specs}
        for name, spec in specs.items():
            write_pcap(pcaps[name], spec, build_templates(spec))
        rows = measure(pcaps, given.repeats, f"{folder}/parts")
    print(f"{'setup':<26} {'pps':>9}  {'times one process':<18} first queue")
    for row in rows:
        ratio = f"{row.ratio:.2f} ({row.least_ratio:.2f}-{row.most_ratio:.2f})"
        print(f"{row.setup:<26} {row.pps:9,.0f}  {ratio:<18} {row.first_queue_percent:.0f} %")
    given.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    print(f"figures: {given.json}")


if __name__ == "__main__":
    main()
