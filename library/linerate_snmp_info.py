#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Ansible module: count the frames of a trial at a router, switch or firewall."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_snmp_info
short_description: Read the IF-MIB counters of an SNMP agent before and after a trial
description:
  - Reads the 64-bit counters of one interface by SNMP version 2c, or 3 with authentication and privacy. Runs on the
    controller; changes nothing.
  - An agent answers from a copy of the counters that it refreshes periodically. The period is measured first, and a
    reading waits until the counters have not moved for longer than that.
version_added: "0.1.0"
author: linerate contributors
options:
  gather:
    description:
      - V(agent) identifies the agent, and tells how old its counters may be. V(before) is a reading, V(after) another
        one with the count between the two.
    type: str
    choices: [agent, before, after]
    required: true
  address:
    description: Address or name of the agent.
    type: str
    required: true
  port:
    description: UDP port of the agent.
    type: int
    default: 161
  version:
    description: SNMP version.
    type: str
    choices: ["2c", "3"]
    default: "2c"
  credentials:
    description: A community for version 2c, a user with two passwords for version 3.
    type: dict
    required: true
    suboptions:
      community:
        description: Community (a secret).
        type: str
      user:
        description: Name of the user.
        type: str
      auth_protocol:
        description: Authentication protocol.
        type: str
        choices: [SHA, SHA224, SHA256, SHA384, SHA512]
        default: SHA256
      auth_password:
        description: Authentication password.
        type: str
      priv_protocol:
        description: Privacy (encryption) protocol.
        type: str
        choices: [AES128, AES192, AES256]
        default: AES128
      priv_password:
        description: Privacy (encryption) password.
        type: str
  interface:
    description:
      - The receiving interface, by its ifName, ifDescr or ifAlias.
      - V(ifIndex=7) or V(ifDescr=Port 1) names the column to search, for names that several interfaces have.
    type: str
    required: true
  refresh_seconds:
    description: How old the counters may be; 0 measures it, with O(gather=agent).
    type: float
    default: 0
  before:
    description: With O(gather=after), the RV(reading) of O(gather=before); empty if that failed.
    type: dict
  min_frame_length:
    description: With O(gather=after), the shortest frame of the trial, in bytes without FCS, to check the counters by.
    type: int
  max_frame_length:
    description: Its longest frame.
    type: int
attributes:
  check_mode:
    description: Reads only.
    support: full
"""

EXAMPLES = r"""
- name: Identify the agent
  linerate_snmp_info:
    gather: agent
    address: 192.0.2.1
    version: "3"
    credentials:
      user: linerate
      auth_password: "{{ vault_auth_password }}"
      priv_password: "{{ vault_priv_password }}"
    interface: port2
  register: agent

- name: Read the counters before a trial
  linerate_snmp_info:
    gather: before
    address: 192.0.2.1
    credentials: {community: "{{ vault_community }}"}
    interface: port2
    refresh_seconds: "{{ agent.refresh_seconds }}"
"""

RETURN = r"""
agent:
  description: The C(name) and C(description) of the agent, and the C(ifindex) of the interface.
  returned: with gather=agent
  type: dict
refresh_seconds:
  description: How old a counter may be when it is read.
  returned: with gather=agent
  type: float
refresh_source:
  description: Whether that is C(given), C(measured), or C(assumed) since no counter moved.
  returned: with gather=agent
  type: str
reading:
  description: The counters after they have settled.
  returned: with gather=before
  type: dict
usable:
  description: Whether the two readings can be compared, and the counters do not contradict each other.
  returned: with gather=after
  type: bool
reason:
  description: Why they cannot, or why a query failed; null if they can.
  returned: with gather=after
  type: str
settled:
  description: Whether the counters had settled at both readings.
  returned: with gather=after
  type: bool
witness:
  description: Method, packets, and the frames that match; null if not usable.
  returned: with gather=after
  type: dict
counters:
  description: The increase of each counter, under C(IF-MIB).
  returned: with gather=after
  type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.controller.credentials import VERSIONS
from ansible.module_utils.linerate.controller.if_mib import (
    count,
    describe,
    find_interface,
    find_refresh,
    read_at_rest,
)
from ansible.module_utils.linerate.controller.snmp import AUTH_PROTOCOLS, PRIV_PROTOCOLS, Agent, Target
from ansible.module_utils.linerate.errors import HostError, LinerateError

CREDENTIALS = {
    "community": {"type": "str", "no_log": True},
    "user": {"type": "str"},
    "auth_protocol": {"type": "str", "choices": list(AUTH_PROTOCOLS), "default": Target.auth_protocol},
    "auth_password": {"type": "str", "no_log": True},
    "priv_protocol": {"type": "str", "choices": list(PRIV_PROTOCOLS), "default": Target.priv_protocol},
    "priv_password": {"type": "str", "no_log": True},
}
SPEC = {
    "gather": {"type": "str", "choices": ["agent", "before", "after"], "required": True},
    "address": {"type": "str", "required": True},
    "port": {"type": "int", "default": Target.port},
    "version": {"type": "str", "choices": list(VERSIONS), "default": Target.version},
    "credentials": {"type": "dict", "required": True, "options": CREDENTIALS},
    "interface": {"type": "str", "required": True},
    "refresh_seconds": {"type": "float", "default": 0},
    "before": {"type": "dict"},
    "min_frame_length": {"type": "int"},
    "max_frame_length": {"type": "int"},
}


def identify(agent: Agent, given: dict[str, Any]) -> dict[str, Any]:
    index = find_interface(agent, given["interface"])
    found = {"agent": {**describe(agent), "ifindex": index}}
    if given["refresh_seconds"]:
        return {**found, "refresh_seconds": given["refresh_seconds"], "refresh_source": "given"}
    refresh, source = find_refresh(agent, index)
    return {**found, "refresh_seconds": refresh, "refresh_source": source}


def read(target: Target, given: dict[str, Any]) -> dict[str, Any]:
    with Agent(target) as agent:
        if given["gather"] == "agent":
            return identify(agent, given)
        reading = read_at_rest(agent, find_interface(agent, given["interface"]), given["refresh_seconds"])
    if given["gather"] == "before":
        return {"reading": reading}
    lengths = (given["min_frame_length"], given["max_frame_length"]) if given["max_frame_length"] else None
    return count(given["before"], reading, given["interface"], lengths)


def no_witness(reason: str) -> dict[str, Any]:
    return {"usable": False, "reason": reason, "settled": False, "witness": None, "counters": {}}


def main() -> None:
    module = AnsibleModule(
        argument_spec=SPEC,
        required_if=[("gather", "after", ["before"])],
        required_together=[("min_frame_length", "max_frame_length")],
        supports_check_mode=True,
    )
    given = module.params
    if given["gather"] == "after" and not given["before"]:
        module.exit_json(changed=False, **no_witness("its counters could not be read before the trial"))
    try:
        target = Target(given["address"], given["port"], given["version"], **given["credentials"])
        module.exit_json(changed=False, **read(target, given))
    except HostError as error:
        # The trial was sent: an agent that stopped answering during it only loses its count.
        if given["gather"] == "after":
            module.exit_json(changed=False, **no_witness(str(error)))
        module.fail_json(msg=str(error))
    except LinerateError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
