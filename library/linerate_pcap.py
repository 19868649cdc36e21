#!/usr/bin/python
# Copyright: the linerate authors
# SPDX-License-Identifier: MIT
"""Ansible module: a reproducible pcap of TCP or UDP flows with its manifest."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_pcap
short_description: Write a reproducible pcap of TCP or UDP flows with its manifest
description:
  - Writes a pcap of Ethernet frames for a traffic sender such as tcpreplay. By default it is a port scan, one packet
    per destination port.
  - Packet number i is of flow i modulo the number of flows. From flow to flow, the addresses of a network in O(src_ip)
    and O(dst_ip), the source ports and the destination ports advance by one, each from its start again after its end.
  - Scapy builds the first frame of each stream and length, on the controller. The other frames are copies with other
    addresses, ports, payloads and checksums. The file is byte for byte the same as if Scapy had written it.
  - Packet times are fixed, one microsecond apart from 1970-01-01, so equal parameters give equal files.
  - The manifest is next to the pcap, in a file of the same name with C(.json) added. The pcap is not written again
    while the manifest has the same parameters and the file has the SHA-256 of the manifest.
options:
  path:
    description: The file to write. Its folder must exist.
    type: path
    required: true
  protocol:
    description: Protocol of the packets, V(tcp) (SYN segments) or V(udp).
    type: str
    required: true
    choices: [tcp, udp]
  src_mac:
    description: Source MAC of the frames.
    type: str
    required: true
  dst_mac:
    description:
      - Destination MAC of the frames, that of the receiver's interface.
      - It is never resolved by ARP. A multicast or zero address is refused.
    type: str
    required: true
  frame_length:
    description:
      - Length of the frames in bytes with FCS and VLAN tags, as RFC 2544 counts it, such as 64 or 1518.
      - Only one of O(frame_length), O(ip_length) and O(imix) is given.
    type: int
  ip_length:
    description:
      - IP total length in bytes, 64 if no length is given. Without FCS, the frame is 14 bytes longer, and 4 more for
        each VLAN tag.
    type: int
  imix:
    description:
      - Frame lengths in bytes with FCS, each with its weight (RFC 6985). They alternate, evenly spread.
      - "For example C({64: 7, 594: 4, 1518: 1})."
    type: dict
  src_ip:
    description:
      - Source IP address, or a network whose hosts are the sources of successive flows. The default is in the range for
        benchmarks (RFC 2544).
    type: str
    default: 198.18.0.1
  dst_ip:
    description:
      - Destination IP address, or a network whose hosts are the destinations of successive flows; IPv4 or IPv6 as the
        source. The default is in the range for benchmarks.
    type: str
    default: 198.19.0.1
  first_port:
    description: Destination port of the first flow.
    type: int
    default: 1024
  last_port:
    description: Highest destination port, after which the ports repeat from O(first_port).
    type: int
    default: 65534
  source_port:
    description: Source port of the first flow.
    type: int
    default: 49152
  last_source_port:
    description: Highest source port, after which they repeat from O(source_port); by default all flows have the same.
    type: int
  flows:
    description: Number of flows; by default that of the largest range of addresses or ports, at most 1,000,000.
    type: int
  packets:
    description: Number of packets in the pcap; by default one for each flow, and whole cycles of frame lengths.
    type: int
  vlan:
    description: VLAN identifier, 0 to 4094; by default the frames have no VLAN tag.
    type: int
  outer_vlan:
    description: VLAN identifier of an outer tag (IEEE 802.1ad, EtherType 0x88a8) before that of O(vlan).
    type: int
  payload:
    description: Hex digits of the pattern that is repeated to fill the packets (quote it in YAML); or V(random).
    type: str
    default: "00"
  seed:
    description: Seed of V(payload=random), 1 by default. Equal seeds give equal files.
    type: int
  ttl:
    description: Time to live of the IP packets, in IPv6 the hop limit.
    type: int
    default: 64
  streams:
    description:
      - Several streams, whose packets alternate. Each is a dictionary of the options that differ from those above,
        other than O(packets).
    type: list
    elements: dict
    default: []
  templates:
    description:
      - Hex digits of the first frame of each stream and length, which must match the other parameters.
      - The controller sets it. If it is missing, the module builds them, and the host needs Scapy.
    type: list
    elements: str
attributes:
  check_mode:
    description: Predicts the change, and returns the manifest of the predicted pcap.
    support: full
  diff_mode:
    description: Shows the manifest before and after.
    support: full
requirements:
  - scapy, on the controller
author:
  - the linerate authors
"""

EXAMPLES = r"""
- name: Write the reference TCP scan of 64 byte packets
  linerate_pcap:
    path: /tmp/tcp_port_scan_64.pcap
    protocol: tcp
    src_mac: 02:00:00:00:00:01
    dst_mac: 02:00:00:00:00:02

- name: Write ten thousand tagged UDP packets of 1500 bytes over a hundred ports
  linerate_pcap:
    path: /tmp/udp_1500_vlan.pcap
    protocol: udp
    ip_length: 1500
    first_port: 5000
    last_port: 5099
    packets: 10000
    vlan: 100
    payload: deadbeef
    src_mac: 02:00:00:00:00:01
    dst_mac: 02:00:00:00:00:02

- name: Write an IMIX over IPv6 with 1000 flows to as many addresses
  linerate_pcap:
    path: /tmp/udp6_imix.pcap
    protocol: udp
    imix: {78: 7, 594: 4, 1518: 1}
    src_ip: 2001:2::1
    dst_ip: 2001:2:0:8000::/64
    flows: 1000
    payload: random
    src_mac: 02:00:00:00:00:01
    dst_mac: 02:00:00:00:00:02

- name: Write 64 byte frames to two destinations in turn, in QinQ
  linerate_pcap:
    path: /tmp/two_destinations.pcap
    protocol: udp
    frame_length: 64
    outer_vlan: 200
    vlan: 100
    src_mac: 02:00:00:00:00:01
    dst_mac: 02:00:00:00:00:02
    streams:
      - {dst_ip: 198.19.0.1}
      - {dst_ip: 198.19.1.1, dst_mac: 02:00:00:00:00:03}
"""

RETURN = r"""
manifest:
  description: The manifest of the pcap, and its path.
  returned: success
  type: dict
  contains:
    path:
      description: Path of the pcap.
      type: str
      sample: /var/lib/linerate/pcaps/tcp_port_scan_64.pcap
    schema:
      description: Name and version of the manifest schema.
      type: str
      sample: linerate-pcap/1
    parameters:
      description: The parameters of the pcap.
      type: dict
    template_sha256:
      description: SHA-256 of the first frames of each stream and length.
      type: str
    packets:
      description: Number of packets.
      type: int
      sample: 64511
    bytes:
      description: Sum of the frame lengths in bytes, without FCS.
      type: int
      sample: 5031858
    file_bytes:
      description: Size of the file in bytes.
      type: int
      sample: 6064058
    flows:
      description: Number of flows by addresses, protocol and ports, at most 1,000,000 of several streams.
      type: int
      sample: 64511
    destinations:
      description: IP addresses that the frames go to, networks where they are many, and the MACs of frames without IP.
      type: list
      elements: str
    vlans:
      description: VLAN identifiers of the outermost tags.
      type: list
      elements: int
    vlan_id:
      description: The VLAN identifier that all frames have; null if they have none or several.
      type: int
    vlan_tags:
      description: VLAN tags that a frame has at most.
      type: int
    duration_seconds:
      description: Seconds from the first packet to the last one, by their times.
      type: float
    mean_pps:
      description: Packets per second of that duration; null if all packets have the same time.
      type: float
    min_frame_length:
      description: Length of the shortest frame in bytes, without FCS.
      type: int
      sample: 78
    mean_frame_length:
      description: Mean length of the frames in bytes, without FCS.
      type: float
      sample: 78.0
    max_frame_length:
      description: Length of the longest frame in bytes, without FCS.
      type: int
      sample: 78
    sha256:
      description: SHA-256 of the pcap.
      type: str
    predicted:
      description:
        - By link speed (V(1G), V(10G), V(25G), V(40G)), the packets per second at line rate as C(pps), and the bits per
          second as C(l1_bps) (with FCS, preamble and gap), C(l2_bps) (with FCS) and C(pcap_bps) (frame bytes only).
      type: dict
reason:
  description: Why the pcap is written; empty if it is not.
  returned: success
  type: str
  sample: the pcap did not exist
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import InputError, LinerateError
from ansible.module_utils.linerate.pcap.manifest import ensure
from ansible.module_utils.linerate.pcap.spec import L4_HEADERS, PARAMETERS, PcapSpec
from ansible.module_utils.linerate.pcap.template import build_templates
from ansible.module_utils.linerate.system.lease import refuse_leased

ARGUMENT_SPEC = {
    "path": {"type": "path", "required": True},
    "protocol": {"type": "str", "required": True, "choices": list(L4_HEADERS)},
    "src_mac": {"type": "str", "required": True},
    "dst_mac": {"type": "str", "required": True},
    "frame_length": {"type": "int"},
    "ip_length": {"type": "int"},
    "imix": {"type": "dict"},
    "src_ip": {"type": "str", "default": PcapSpec.src_ip},
    "dst_ip": {"type": "str", "default": PcapSpec.dst_ip},
    "first_port": {"type": "int", "default": PcapSpec.first_port},
    "last_port": {"type": "int", "default": PcapSpec.last_port},
    "source_port": {"type": "int", "default": PcapSpec.source_port},
    "last_source_port": {"type": "int"},
    "flows": {"type": "int"},
    "packets": {"type": "int"},
    "vlan": {"type": "int"},
    "outer_vlan": {"type": "int"},
    "payload": {"type": "str", "default": PcapSpec.payload},
    "seed": {"type": "int"},
    "ttl": {"type": "int", "default": PcapSpec.ttl},
    "streams": {"type": "list", "elements": "dict", "default": list(PcapSpec.streams)},
    "templates": {"type": "list", "elements": "str"},
}


def first_frames(spec, given):
    """The templates in bytes: ``given`` in hex, or built here, which needs Scapy."""
    if given is None:
        return build_templates(spec)
    try:
        return [bytes.fromhex(template) for template in given]
    except ValueError:
        raise InputError("templates", given, "must be hex digits", "Omit them.") from None


def main():
    """Write the pcap and its manifest, and return the manifest."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    params = module.params
    try:
        spec = PcapSpec.of({name: params[name] for name in PARAMETERS})
        templates = first_frames(spec, params["templates"])
        result = ensure(params["path"], spec, templates, module.check_mode, refuse_leased)
    except LinerateError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=result.changed,
        manifest=dict(result.manifest.to_json(), path=params["path"]),
        reason=result.reason,
        diff={
            "before": result.before.to_json() if result.before else {},
            "after": result.manifest.to_json(),
        },
    )


if __name__ == "__main__":
    main()
