"""``linerate pcap``: write one pcap, generated or converted from a capture, and print its manifest."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from ..errors import InputError, LinerateError
from ..pcap.convert import Capture, ensure_converted
from ..pcap.manifest import Ensured, ensure, manifest_path
from ..pcap.rewrite import Rewrite
from ..pcap.spec import IP_LENGTH, PARAMETERS, PcapSpec
from ..pcap.template import build_templates
from .common import GOOD, examples, failed

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

SRC_MAC = "02:00:00:00:00:01"
DST_MAC = "02:00:00:00:00:02"
"""Locally administered addresses (IEEE 802), which no interface has from its vendor."""

SHARED = ("src_mac", "dst_mac", "vlan")
"""Parameters of a generated pcap that a capture has, too."""


def add_parser(subparsers: Subparsers) -> None:
    """Register the command. ``PcapSpec`` validates all values."""
    parser = subparsers.add_parser(
        "pcap",
        help="write a pcap of flows, or convert a capture, and print the manifest",
        description="Write a pcap of TCP or UDP flows, by default one packet per destination port, or with --from the "
        "packets of a capture, and its manifest to OUT.pcap.json and to standard output. An up-to-date pcap is not "
        "written again. Exit status: 0 success, 2 a value is not valid, 3 the capture cannot be used or the file "
        "cannot be written.",
        epilog=examples(
            "linerate pcap --protocol tcp --ip-length 64 scan.pcap",
            "linerate pcap --from capture.pcapng --dst-mac 02:00:00:00:00:02 converted.pcap",
        ),
    )
    parser.add_argument("path", metavar="OUT.pcap", help="the file to write; an existing one is replaced")
    _add_frames(parser.add_argument_group("generated frames"))
    _add_flows(parser.add_argument_group("generated flows"))
    _add_capture(parser.add_argument_group("a capture"))
    both = parser.add_argument_group("both").add_argument
    both("--src-mac", metavar="MAC", help=f"source MAC (generated: default {SRC_MAC}; capture: unchanged)")
    both("--dst-mac", metavar="MAC", help=f"destination MAC, the receiver's (default {DST_MAC}; capture: unchanged)")
    both("--vlan", metavar="ID", help="tag the frames with this VLAN, 0 to 4094; capture: also untagged")
    parser.set_defaults(run=run)


def _add_frames(group: argparse._ArgumentGroup) -> None:
    """The options of generated frames; the defaults are those of ``PcapSpec``."""
    add = group.add_argument
    add("--protocol", metavar="tcp|udp", help="TCP SYN or UDP packets; required")
    add("--frame-length", metavar="BYTES", help="length with FCS and VLAN tags, as in RFC 2544, such as 64 or 1518")
    add("--ip-length", metavar="BYTES", help=f"or the IP total length (default {IP_LENGTH})")
    add("--imix", metavar="BYTES:WEIGHT,...", help="or lengths with FCS by weight, such as 64:7,594:4,1518:1")
    add("--outer-vlan", metavar="ID", help="identifier of a tag before that of --vlan (QinQ, IEEE 802.1ad)")
    add("--payload", metavar="HEX|random", help=f"pattern of the payload (default {PcapSpec.payload})")
    add("--seed", metavar="N", help="seed of a random payload (default 1)")
    add("--ttl", metavar="N", help=f"time to live, or hop limit (default {PcapSpec.ttl})")


def _add_flows(group: argparse._ArgumentGroup) -> None:
    """The options of generated flows; the defaults are those of ``PcapSpec``."""
    add = group.add_argument
    add("--packets", metavar="N", help="number of packets (default: one per flow; the flows repeat when N is larger)")
    add("--flows", metavar="N", help="number of flows (default: that of the largest range of addresses or ports)")
    add("--src-ip", metavar="IP", help=f"source address, or network (default {PcapSpec.src_ip})")
    add("--dst-ip", metavar="IP", help=f"destination, of the same IP version (default {PcapSpec.dst_ip})")
    add("--first-port", metavar="PORT", help=f"first destination port (default {PcapSpec.first_port})")
    add("--last-port", metavar="PORT", help=f"last destination port (default {PcapSpec.last_port})")
    add("--source-port", metavar="PORT", help=f"first source port (default {PcapSpec.source_port})")
    add("--last-source-port", metavar="PORT", help="last source port (default: the first)")
    add(
        "--stream",
        dest="streams",
        action="append",
        metavar="NAME=VALUE[;...]",
        help="one of several streams, by what differs: 'dst_ip=198.19.1.1;frame_length=128'; may be repeated",
    )


def _add_capture(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--from", dest="source", metavar="IN", help="the capture: pcap of any form or pcapng, also compressed")
    add(
        "--map-ip",
        action="append",
        metavar="OLD=NEW",
        help="map addresses of network OLD to NEW, of the same size; may be repeated",
    )


def run(args: argparse.Namespace) -> int:
    """Write the pcap of ``args`` and print its manifest as JSON; returns the exit status."""
    try:
        result = _generated(args) if args.source is None else _converted(args)
    except LinerateError as error:
        return failed("pcap", error)
    done = f"written, {result.reason}" if result.changed else f"unchanged, it matches {manifest_path(args.path)}"
    print(f"linerate pcap: {args.path}: {done}", file=sys.stderr)
    print(json.dumps(result.manifest.to_json(), indent=2))
    return GOOD


def _generated(args: argparse.Namespace) -> Ensured:
    if args.map_ip is not None:
        raise InputError("--map-ip", " ".join(args.map_ip), "needs a capture", "Add --from IN, or remove it.")
    given = {name: getattr(args, name) for name in PARAMETERS}
    given["streams"] = [_stream(text) for text in args.streams or ()]
    spec = PcapSpec.of({**given, "src_mac": args.src_mac or SRC_MAC, "dst_mac": args.dst_mac or DST_MAC})
    return ensure(args.path, spec, build_templates(spec))


def _stream(text: str) -> dict[str, str]:
    """The parameters of one ``--stream``."""
    pairs = [pair.partition("=") for pair in text.split(";")]
    if not all(equals for _, equals, _ in pairs):
        raise InputError("--stream", text, "must be NAME=VALUE, separated by ;", "Write 'dst_ip=198.19.1.1'.")
    return {name.strip().replace("-", "_"): value.strip() for name, _, value in pairs}


def _converted(args: argparse.Namespace) -> Ensured:
    for name in PARAMETERS:
        if name not in SHARED and getattr(args, name) is not None:
            option = "--stream" if name == "streams" else f"--{name.replace('_', '-')}"
            raise InputError(option, getattr(args, name), "has no meaning with --from", "Remove one of the two.")
    pairs = [pair.partition("=") for pair in args.map_ip or ()]
    changes = {name: getattr(args, name) for name in SHARED}
    rewrite = Rewrite.of({**changes, "ip": {old: new for old, _, new in pairs}})
    return ensure_converted(args.path, Capture(args.source, rewrite))
