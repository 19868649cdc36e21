#!/usr/bin/env python3
"""CPU time and memory to generate a port-scan pcap: Scapy's list and wrpcap compared with linerate, in one run.

Each method runs in a process of its own. "Generation" is the time to generate the file after all imports, "whole
process" the total that the kernel accounts. The files are compared byte by byte.
Prints a table, and writes the results as JSON.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from linerate.pcap.spec import PcapSpec

SRC_MAC, DST_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
REPEATS = 5
"""Repetitions of measurements far below one second; the median is used."""

Figures = dict[str, Any]


def with_scapy(spec: PcapSpec) -> Callable[[str], None]:
    """The usual way with Scapy: a list with one packet per port, written at the end."""
    scapy = import_module("scapy.all")
    layer = {"tcp": scapy.TCP, "udp": scapy.UDP}[spec.protocol]

    def make(path: str) -> None:
        payload = scapy.Raw(spec.payload_bytes(spec.cycle[0]))
        packets = []
        for number in range(spec.count):
            port = spec.first_port + number % spec.ports
            link = scapy.Ether(src=spec.src_mac, dst=spec.dst_mac)
            packet = link / scapy.IP(src=spec.src_ip, dst=spec.dst_ip)
            packet = packet / layer(sport=spec.source_port, dport=port) / payload
            packet.time = number / 1_000_000
            packets.append(packet)
        scapy.wrpcap(path, packets)

    return make


def with_linerate(spec: PcapSpec) -> Callable[[str], None]:
    """linerate: the first frame from Scapy, all others patched from it."""
    template = import_module("linerate.pcap.template")
    writer = import_module("linerate.pcap.writer")
    # The first call imports Scapy's layers, so it is not measured.
    template.build_templates(spec)
    return lambda path: writer.write_pcap(path, spec, template.build_templates(spec))


METHODS = {"scapy": with_scapy, "linerate": with_linerate}


def generate(method: str, spec: PcapSpec, path: str) -> Figures:
    """Generate one file in this process; returns CPU seconds, and peak memory in KiB before and after."""
    make = METHODS[method](spec)
    imported_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    before = time.process_time()
    make(path)
    return {
        "generation_cpu_seconds": time.process_time() - before,
        "imported_kib": imported_kib,
        "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }


def measure(argv: list[str]) -> tuple[Figures, str]:
    """Run a process; returns the CPU seconds and peak memory in KiB that the kernel accounts, and its output."""
    with tempfile.TemporaryFile("w+") as output, subprocess.Popen(argv, stdout=output, stderr=output) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        printed = output.read()
    if process.returncode != 0:
        raise SystemExit(f"{argv}: exit status {process.returncode}: {printed}")
    return {"process_cpu_seconds": usage.ru_utime + usage.ru_stime, "process_peak_kib": usage.ru_maxrss}, printed


def options(given: argparse.Namespace) -> dict[str, str]:
    """The further options of ``linerate pcap``."""
    return dict(option.split("=", 1) for option in given.option)


def lengths(given: argparse.Namespace) -> list[str]:
    """The option of the packet length; none where another option states the length."""
    other = options(given).keys() & {"frame_length", "imix"}
    return [] if other else ["--ip-length", str(given.ip_length[0])]


def generations(method: str, given: argparse.Namespace, path: str, repeats: int) -> Figures:
    """The median, by generation time, of ``repeats`` processes that generate the file."""
    runs = []
    for _ in range(repeats):
        # Truncating an existing file would add to the time of the new one.
        Path(path).unlink(missing_ok=True)
        argv = [sys.executable, __file__, "--method", method, "--protocol", given.protocol]
        argv += ["--packets", str(given.packets), "--path", path, *lengths(given)]
        argv += [f"--option={option}" for option in given.option]
        figures, printed = measure(argv)
        runs.append({**json.loads(printed), **figures})
    return sorted(runs, key=lambda run: run["generation_cpu_seconds"])[repeats // 2]


def commands(given: argparse.Namespace, path: str, repeats: int) -> Figures:
    """The median of ``repeats`` calls of ``linerate pcap``, each without an existing file."""
    runs = []
    for _ in range(repeats):
        Path(path).unlink(missing_ok=True)
        argv = [str(Path(sys.executable).parent / "linerate"), "pcap", "--protocol", given.protocol]
        argv += ["--packets", str(given.packets), *lengths(given), path]
        argv += [f"--{name.replace('_', '-')}={value}" for name, value in options(given).items()]
        runs.append(measure(argv)[0])
    return sorted(runs, key=lambda run: run["process_cpu_seconds"])[repeats // 2]


def same(one: str, other: str) -> bool:
    """Whether two files have the same content; raises SystemExit where they differ, so that times compare."""
    if not filecmp.cmp(one, other, shallow=False):
        raise SystemExit(f"{one} and {other} differ, so their times are not comparable")
    return True


def compare(given: argparse.Namespace, folder: str) -> Figures:
    """All measurements for one packet length, and their ratios."""
    paths = {name: str(Path(folder) / f"{name}.pcap") for name in ("scapy", "linerate", "command")}
    linerate = generations("linerate", given, paths["linerate"], REPEATS)
    command = commands(given, paths["command"], REPEATS)
    figures = {
        "protocol": given.protocol,
        "ip_length": given.ip_length[0],
        "packets": given.packets,
        "linerate": linerate,
        "linerate_command": command,
        "same_bytes": same(paths["linerate"], paths["command"]),
        "memory_beyond_import_kib": linerate["peak_kib"] - linerate["imported_kib"],
    }
    # The comparison makes port scans only.
    if not given.without_scapy and not given.option:
        scapy = generations("scapy", given, paths["scapy"], 1)
        figures["scapy"] = scapy
        figures["same_bytes"] = same(paths["scapy"], paths["linerate"])
        figures["ratio"] = {
            "generation": scapy["generation_cpu_seconds"] / linerate["generation_cpu_seconds"],
            "whole_process": scapy["process_cpu_seconds"] / command["process_cpu_seconds"],
            "peak_memory": scapy["process_peak_kib"] / command["process_peak_kib"],
        }
    return figures


def table(results: list[Figures]) -> str:
    """The results as a text table."""
    lines = [f"{'method':34} {'IP length':>9} {'packets':>10} {'CPU s':>9} {'ratio':>8} {'peak MB':>8}"]

    def line(name: str, result: Figures, cpu: float, kib: int, ratio: str = "") -> None:
        measured = f"{result['ip_length']:9} {result['packets']:10} {cpu:9.3f} {ratio:>8} {kib / 1024:8.1f}"
        lines.append(f"{name:34} {measured}")

    for result in results:
        ours, command, scapy = result["linerate"], result["linerate_command"], result.get("scapy")
        ratio = {name: f"{value:.0f}x" for name, value in result.get("ratio", {}).items()}
        if scapy:
            line("Scapy list + wrpcap, generation", result, scapy["generation_cpu_seconds"], scapy["peak_kib"])
            line("Scapy list + wrpcap, whole process", result, scapy["process_cpu_seconds"], scapy["process_peak_kib"])
        generation = ours["generation_cpu_seconds"]
        line("linerate, generation", result, generation, ours["peak_kib"], ratio.get("generation", ""))
        whole = command["process_cpu_seconds"]
        line("linerate pcap, whole process", result, whole, command["process_peak_kib"], ratio.get("whole_process", ""))
        lines.append(f"{'':34} {result['memory_beyond_import_kib'] / 1024:.1f} MB beyond the imports")
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    """The command line options; this program starts itself with --method and --path for one method."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--protocol", default="tcp", choices=["tcp", "udp"])
    parser.add_argument("--ip-length", type=int, nargs="+", default=[64, 1500], help="IP total lengths in bytes")
    parser.add_argument("--packets", type=int, default=64_511)
    parser.add_argument(
        "--option", action="append", default=[], help="option of linerate pcap, such as imix=64:7,594:4,1518:1"
    )
    parser.add_argument("--without-scapy", action="store_true", help="skip Scapy: it takes hours for millions")
    parser.add_argument("--json", type=Path, default=Path(__file__).with_suffix(".json"), help="file for the results")
    parser.add_argument("--folder", default=None, help="folder for the temporary pcaps (default: the system's)")
    parser.add_argument("--method", choices=sorted(METHODS), help=argparse.SUPPRESS)
    parser.add_argument("--path", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Measure every length in turn; with --method, generate one file."""
    given = arguments()
    if given.method:
        macs = {"protocol": given.protocol, "src_mac": SRC_MAC, "dst_mac": DST_MAC}
        length = {"ip_length": given.ip_length[0]} if lengths(given) else {}
        spec = PcapSpec.of({**macs, **length, "packets": given.packets, **options(given)})
        print(json.dumps(generate(given.method, spec, given.path)))
        return
    results = []
    for length in given.ip_length:
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            results.append(compare(argparse.Namespace(**{**vars(given), "ip_length": [length]}), folder))
    print(table(results))
    given.json.write_text(json.dumps(results, indent=2) + "\n")
    print(f"results: {given.json}")


if __name__ == "__main__":
    main()
