#!/usr/bin/python
# Copyright: the linerate authors
# SPDX-License-Identifier: MIT
"""Ansible module: a capture of the controller as a pcap that can be replayed, with its manifest."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_pcap_capture
short_description: Convert a capture of the controller to a pcap with its manifest
description:
  - Converts a capture to a pcap that a traffic sender such as tcpreplay sends as it is, and copies it to the host. The
    packets and the times between them stay.
  - A capture is a pcap of any byte order and resolution, or pcapng, also compressed (gzip, bzip2, xz). FCS and other
    bytes behind the original length are removed. A capture of which packets are truncated is refused.
  - The manifest is next to the pcap, in a file of the same name with C(.json) added. The capture is not converted and
    copied again while the manifest names the same capture and changes, and the pcap has the SHA-256 of the manifest.
options:
  path:
    description: The file to write. Its folder must exist.
    type: path
    required: true
  src:
    description: The capture, on the controller.
    type: path
    required: true
  rewrite:
    description: What to change in every frame. Checksums are corrected.
    type: dict
    suboptions:
      dst_mac:
        description: Destination MAC.
        type: str
      src_mac:
        description: Source MAC. With O(rewrite.dst_mac), captures without Ethernet headers can be converted.
        type: str
      ip:
        description: Networks or addresses, each with one of the same size that replaces it, as source and destination.
        type: dict
      vlan:
        description: VLAN identifier of the outermost tag, 0 to 4094, which is added where it is missing; or
          V(untagged), which removes all tags.
        type: str
  parameters:
    description: What the pcap depends on. The controller sets it.
    type: dict
  manifest:
    description: The manifest of the converted capture. The controller sets it.
    type: dict
  staged:
    description: The converted capture, on the host. The controller sets it.
    type: path
attributes:
  check_mode:
    description: Predicts the change, and returns the manifest of the predicted pcap.
    support: full
  diff_mode:
    description: Shows the manifest before and after.
    support: full
author:
  - the linerate authors
"""

EXAMPLES = r"""
- name: Convert a capture for the receiver
  linerate_pcap_capture:
    path: /tmp/mycap.pcap
    src: captures/my.pcapng
    rewrite:
      dst_mac: 02:00:00:00:00:02
      ip:
        10.0.0.0/16: 198.18.0.0/16
        192.0.2.7: 198.19.0.1
      vlan: untagged
"""

RETURN = r"""
manifest:
  description: The manifest of the pcap, and its path; see M(linerate_pcap).
  returned: success
  type: dict
reason:
  description: Why the pcap is written; empty if it is not.
  returned: success
  type: str
  sample: the pcap did not exist
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import InputError, LinerateError
from ansible.module_utils.linerate.pcap.convert import current, place
from ansible.module_utils.linerate.pcap.manifest import Manifest
from ansible.module_utils.linerate.system.lease import refuse_leased

ARGUMENT_SPEC = {
    "path": {"type": "path", "required": True},
    "src": {"type": "path", "required": True},
    "rewrite": {
        "type": "dict",
        "options": {
            "dst_mac": {"type": "str"},
            "src_mac": {"type": "str"},
            "ip": {"type": "dict"},
            "vlan": {"type": "str"},
        },
    },
    "parameters": {"type": "dict"},
    "manifest": {"type": "dict"},
    "staged": {"type": "path"},
}


def main():
    """Report whether the pcap is up to date; or write what the controller has converted."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    params = module.params
    try:
        if params["parameters"] is None:
            raise InputError("parameters", None, "are set by the controller", "Run this as a task, not by itself.")
        before, reason = current(params["path"], params["parameters"])
        after = before if params["manifest"] is None else Manifest.from_json(params["manifest"])
        if reason and not module.check_mode and os.path.exists(params["path"]):
            refuse_leased()
        if reason and params["staged"] and not module.check_mode:
            place(params["path"], params["staged"], after)
    except LinerateError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=bool(reason),
        manifest=dict(after.to_json(), path=params["path"]) if after else {},
        reason=reason,
        diff={"before": before.to_json() if before else {}, "after": after.to_json() if after else {}},
    )


if __name__ == "__main__":
    main()
