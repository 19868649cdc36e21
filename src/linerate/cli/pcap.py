"""``linerate pcap``: write one pcap and print its manifest."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from ..errors import InputError, LinerateError
from ..pcap.manifest import ensure, manifest_path
from ..pcap.spec import PARAMETERS, PcapSpec
from ..pcap.template import build_template

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

SRC_MAC = "02:00:00:00:00:01"
DST_MAC = "02:00:00:00:00:02"
"""Locally administered addresses (IEEE 802), which no interface has from its vendor."""

EXIT_FAILED = 1
EXIT_BAD_INPUT = 2


def add_parser(subparsers: Subparsers) -> None:
    """Register the command. ``PcapSpec`` validates all values."""
    parser = subparsers.add_parser(
        "pcap",
        help="write a port-scan pcap and print its manifest",
        description="Write a pcap of one packet per destination port, and its manifest to OUT.pcap.json and to "
        "standard output. An up-to-date pcap is not written again. Exit status: 0 success, 1 the file cannot be "
        "written, 2 a value is not valid.",
    )
    add = parser.add_argument
    add("path", metavar="OUT.pcap", help="the file to write; an existing one is replaced")
    add("--protocol", required=True, metavar="tcp|udp", help="TCP SYN or UDP packets")
    add("--ip-length", default=PcapSpec.ip_length, metavar="BYTES", help="IP total length (default %(default)s)")
    add("--packets", metavar="N", help="number of packets (default: one per port; the ports repeat when N is larger)")
    add(
        "--first-port", default=PcapSpec.first_port, metavar="PORT", help="first destination port (default %(default)s)"
    )
    add("--last-port", default=PcapSpec.last_port, metavar="PORT", help="last destination port (default %(default)s)")
    add("--source-port", default=PcapSpec.source_port, metavar="PORT", help="source port (default %(default)s)")
    add("--src-ip", default=PcapSpec.src_ip, metavar="IPV4", help="source address (default %(default)s)")
    add("--dst-ip", default=PcapSpec.dst_ip, metavar="IPV4", help="destination address (default %(default)s)")
    add("--src-mac", default=SRC_MAC, metavar="MAC", help="source MAC (default %(default)s)")
    add("--dst-mac", default=DST_MAC, metavar="MAC", help="destination MAC, the receiver's (default %(default)s)")
    add("--vlan", metavar="ID", help="tag the frames with this VLAN, 0 to 4094 (default: no tag)")
    add("--payload", default=PcapSpec.payload, metavar="HEX", help="pattern of the payload (default %(default)s)")
    add("--ttl", default=PcapSpec.ttl, metavar="N", help="time to live (default %(default)s)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the pcap of ``args`` and print its manifest as JSON; returns the exit status."""
    try:
        spec = PcapSpec.of({name: getattr(args, name) for name in PARAMETERS})
        result = ensure(args.path, spec, build_template(spec))
    except LinerateError as error:
        print(f"linerate pcap: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT if isinstance(error, InputError) else EXIT_FAILED
    done = f"written, {result.reason}" if result.changed else f"unchanged, it matches {manifest_path(args.path)}"
    print(f"linerate pcap: {args.path}: {done}", file=sys.stderr)
    print(json.dumps(result.manifest.to_json(), indent=2))
    return 0
