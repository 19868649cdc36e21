#!/usr/bin/python
# Copyright: the linerate authors
# SPDX-License-Identifier: MIT
"""Ansible module: a reproducible port-scan pcap with its manifest."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_pcap
short_description: Write a reproducible port-scan pcap with its manifest
description:
  - Writes a pcap of Ethernet frames that differ in their destination port only, for a traffic sender such as tcpreplay.
  - The first frame is built by Scapy, on the controller; the others are that frame with ports and checksums patched.
    The file is byte for byte what Scapy itself would write.
  - Packet times are fixed, one microsecond apart from 1970-01-01, so equal parameters give equal files.
  - A manifest stands beside the pcap, named like it with C(.json) added. The pcap is left alone while the manifest
    has the same parameters and the file has the SHA-256 of the manifest.
options:
  path:
    description: The file to write. Its folder must exist.
    type: path
    required: true
  protocol:
    description: What the packets carry, V(tcp) (SYN segments) or V(udp).
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
      - It is never asked for by ARP; a multicast or zero address is refused.
    type: str
    required: true
  ip_length:
    description: IP total length in bytes. The frame is 14 bytes longer (18 with O(vlan)), without FCS.
    type: int
    default: 64
  first_port:
    description: Destination port of the first packet.
    type: int
    default: 1024
  last_port:
    description: Highest destination port; after it the ports start again at O(first_port).
    type: int
    default: 65534
  packets:
    description: How many packets the pcap holds. One for each port where not given.
    type: int
  src_ip:
    description: Source IPv4 address. The default is of the range for benchmarks (RFC 2544).
    type: str
    default: 198.18.0.1
  dst_ip:
    description: Destination IPv4 address. The default is of the range for benchmarks (RFC 2544).
    type: str
    default: 198.19.0.1
  source_port:
    description: Source port of all packets.
    type: int
    default: 49152
  vlan:
    description: VLAN identifier, 0 to 4094. The frames have no VLAN tag where not given.
    type: int
  payload:
    description: Hex digits of the pattern that is repeated to fill the packets. Quote it in YAML.
    type: str
    default: "00"
  ttl:
    description: Time to live of the IP packets.
    type: int
    default: 64
  template:
    description:
      - Hex digits of the first frame, of exactly these parameters.
      - Filled in on the controller. Where it is not given, the module builds it, and the host needs Scapy.
    type: str
attributes:
  check_mode:
    description: Says what would change, and returns the manifest that writing would give.
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
"""

RETURN = r"""
manifest:
  description: What the pcap holds, as in the manifest file, and where it is.
  returned: success
  type: dict
  contains:
    path:
      description: The pcap.
      type: str
      sample: /var/lib/linerate/pcaps/tcp_port_scan_64.pcap
    schema:
      description: Name and version of the form of the manifest.
      type: str
      sample: linerate-pcap/1
    parameters:
      description: The options the pcap was made from.
      type: dict
    template_sha256:
      description: SHA-256 of the first frame.
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
      description: Number of flows, that is of different destination ports.
      type: int
      sample: 64511
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
        - By link speed (V(1G), V(10G), V(25G), V(40G)), the packets a second at line rate as C(pps), and the bits a
          second as C(l1_bps) (with FCS, preamble and gap), C(l2_bps) (with FCS) and C(pcap_bps) (frame bytes only).
      type: dict
reason:
  description: Why the pcap is written. Empty where it is left alone.
  returned: success
  type: str
  sample: there is no pcap yet
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import InputError, LinerateError
from ansible.module_utils.linerate.pcap.manifest import ensure
from ansible.module_utils.linerate.pcap.spec import PARAMETERS, PcapSpec
from ansible.module_utils.linerate.pcap.template import build_template

ARGUMENT_SPEC = {
    "path": {"type": "path", "required": True},
    "protocol": {"type": "str", "required": True, "choices": ["tcp", "udp"]},
    "src_mac": {"type": "str", "required": True},
    "dst_mac": {"type": "str", "required": True},
    "ip_length": {"type": "int", "default": 64},
    "first_port": {"type": "int", "default": 1024},
    "last_port": {"type": "int", "default": 65534},
    "packets": {"type": "int"},
    "src_ip": {"type": "str", "default": "198.18.0.1"},
    "dst_ip": {"type": "str", "default": "198.19.0.1"},
    "source_port": {"type": "int", "default": 49152},
    "vlan": {"type": "int"},
    "payload": {"type": "str", "default": "00"},
    "ttl": {"type": "int", "default": 64},
    "template": {"type": "str"},
}


def first_frame(spec, given):
    """The template in bytes: ``given`` in hex, or built here where Scapy is installed."""
    if given is None:
        return build_template(spec)
    try:
        return bytes.fromhex(given)
    except ValueError:
        raise InputError("template", given, "must be hex digits", "Leave it out.") from None


def main():
    """Have the pcap and its manifest, and hand back what they hold."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    params = module.params
    try:
        spec = PcapSpec.of({name: params[name] for name in PARAMETERS})
        template = first_frame(spec, params["template"])
        result = ensure(params["path"], spec, template, check=module.check_mode)
    except LinerateError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=result.changed,
        manifest=dict(result.manifest, path=params["path"]),
        reason=result.reason,
        diff={"before": result.before, "after": result.manifest},
    )


if __name__ == "__main__":
    main()
