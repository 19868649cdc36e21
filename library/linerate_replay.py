#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Ansible module: the sender's half of a trial."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_replay
short_description: Send a pcap with tcpreplay under supervision
description:
  - Builds tcpreplay's command line, runs it with an external deadline, counts what the interface sent,
    and returns tcpreplay's own statistics only where they are complete and consistent.
  - The exit status of tcpreplay is never trusted. A trial that went wrong is returned, not failed, so that
    it can be stored and judged; bad input fails before anything is sent.
  - A run that cannot come to anything any more is stopped within seconds, with the reason in
    RV(ignore:process.stopped_because) - the interface is down, gone or without a carrier, nothing leaves it, tcpreplay
    floods its messages, the controller or the connection to it went away, or this module was told to end.
  - After every trial, whatever became of it, the interface gets the settings back that it had; after netmap its carrier
    is waited for. Where this module is killed, a process that outlives it ends tcpreplay and puts the settings back;
    where that is killed, too, the next trial does.
  - What is known of O(trial) so far stands in a journal on the host, which M(linerate_journal) reads.
version_added: "0.1.0"
author: linerate contributors
options:
  interface:
    description: >-
      Sending interface. Refused where it carries the default route, the SSH session, another interface or an address in
      use, is down or has no carrier; and where another process of linerate sends on it.
    type: str
    required: true
  pcap:
    description: Path of the pcap on the host. It is read to its end before anything is sent.
    type: path
    required: true
  pcap_sha256:
    description: SHA-256 of the pcap that is meant, in hex; another is refused.
    type: str
  allow_destinations:
    description:
      - Where frames may go - IP networks and MACs. The MAC that a frame goes to must be listed; where the frame carries
        IP, its destination must be in a listed network, too. VLAN tags are looked through. A listed MAC is enough for a
        frame without IP.
      - An address of the sending interface that is in none of the networks is one in use, so the interface is refused.
    type: list
    elements: str
    required: true
  receiver_mtu:
    description: MTU of the receiver's interface in bytes; not looked at when left out.
    type: int
  work:
    description: What this sends for, such as a run and its trial; who is refused the interface meanwhile is told.
    type: str
    default: a replay
  pps:
    description: Packets a second. Exactly one of O(pps), O(mbps), O(multiplier), O(topspeed) is given.
    type: float
  mbps:
    description: Rate in 10^6 bit/s of pcap bytes (frames without FCS), as tcpreplay counts.
    type: float
  multiplier:
    description: Multiple of the speed at which the pcap was captured.
    type: float
  topspeed:
    description: Send as fast as possible.
    type: bool
    default: false
  pps_multi:
    description: Packets to send at each interval of O(pps).
    type: int
  loop:
    description: How often the pcap is sent; 0 is without end and needs O(duration) or O(limit).
    type: int
    default: 1
  limit:
    description: Packets to send in all.
    type: int
  duration:
    description: Whole seconds after which tcpreplay stops by itself.
    type: int
  preload_pcap:
    description: Read the pcap into memory before sending.
    type: bool
    default: false
  flow_stats:
    description: Let tcpreplay count flows.
    type: bool
    default: true
  timer:
    description: tcpreplay's way to wait between packets; its default when left out.
    type: str
    choices: [select, gtod, nano]
  netmap:
    description: Send through netmap.
    type: bool
    default: false
  adapter:
    description:
      - Which adapter netmap is made to take, by its parameter admode, for the time of the trial; needed with
        O(netmap=true).
      - Native takes a patched driver, which must be loaded.
    type: str
    choices: [native, emulated]
  nm_delay:
    description: Seconds netmap waits for the link, at open and at close.
    type: int
    default: 10
  cpu:
    description:
      - The one CPU that tcpreplay may run on; by default the scheduler chooses.
      - Where the role sender_tuning isolated that CPU, tcpreplay joins the isolated partition.
    type: int
  executable:
    description: The tcpreplay to run.
    type: str
    default: tcpreplay
  deadline_seconds:
    description: When it is stopped from outside, with SIGINT and then SIGKILL.
    type: float
    required: true
  stall_seconds:
    description:
      - How long nothing may leave the interface, beside the gap between two packets at the rate asked for, until the
        run is hopeless; two seconds more through netmap, since a NIC counts in steps. A busy emulated host needs more.
    type: float
    default: 3.0
  interval_seconds:
    description: Time between two samples of the interface's counters.
    type: float
    default: 1.0
  trial:
    description: The trial that this is, as M(linerate_run) returned it; without it no journal is kept.
    type: dict
attributes:
  async:
    description: The trial then goes on without C(ansible-playbook), until its own deadline.
    support: full
  check_mode:
    description: Looks at everything that would be looked at before sending, returns O(ignore:argv), sends nothing.
    support: full
"""

EXAMPLES = r"""
- name: Send 60,000 packets at 20,000 packets a second
  linerate_replay:
    interface: lrs0
    pcap: /var/lib/linerate/pcaps/udp_port_scan_64.pcap
    allow_destinations: [198.18.0.0/15, "02:00:00:00:00:02"]
    pps: 20000
    limit: 60000
    preload_pcap: true
    deadline_seconds: 20

- name: Send at top speed for three seconds
  linerate_replay:
    interface: lrs0
    pcap: /var/lib/linerate/pcaps/udp_port_scan_64.pcap
    allow_destinations: [198.18.0.0/15, "02:00:00:00:00:02"]
    topspeed: true
    loop: 0
    duration: 3
    deadline_seconds: 20
"""

RETURN = r"""
argv:
  description: The exact command.
  returned: always
  type: list
  elements: str
started_at:
  description: Start, UTC.
  returned: when sent
  type: str
ended_at:
  description: End, UTC.
  returned: when sent
  type: str
process:
  description: >-
    Exit status, signals sent to it, whether the deadline passed, why it was stopped (C(stopped_because), null where it
    ended by itself), elapsed seconds, capped stderr, and the CPUs it could run on while it sent.
  returned: when sent
  type: dict
claim:
  description: tcpreplay's statistics, null where they are missing or contradict themselves.
  returned: when sent
  type: dict
claim_error:
  description: Why there is no claim.
  returned: when sent
  type: str
adapter:
  description:
    - The C(kind) of netmap's adapter asked for, the one C(found), null without netmap; the C(driver); the C(evidence).
  returned: when sent
  type: dict
recovery:
  description: >-
    The C(steps) that restored the interface, the C(seconds) it took, whether it has the C(carrier) that it had, and the
    C(error) where it could not be restored.
  returned: when sent
  type: dict
nic:
  description:
    - What the sending interface counted during the trial, by the C(source) that moved, the kernel's or the driver's.
      Null numbers where nothing counts what a native adapter sends.
  returned: when sent
  type: dict
samples:
  description: Packets and bytes sent in each interval, since sending began.
  returned: when sent
  type: list
  elements: dict
cpu_percent:
  description: CPU time of tcpreplay over elapsed time; 100 is one core.
  returned: when sent
  type: float
core_busy_percent:
  description: Share of the time in which tcpreplay's core was not idle, whoever used it.
  returned: when sent
  type: float
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.pcap.destinations import AllowedDestinations
from ansible.module_utils.linerate.system.caller_gone import Lease, end_within
from ansible.module_utils.linerate.system.lock import refuse_held, sole_sender
from ansible.module_utils.linerate.system.run import run
from ansible.module_utils.linerate.tcpreplay.options import ReplayOptions, build_argv
from ansible.module_utils.linerate.trial.nic_session import recover
from ansible.module_utils.linerate.trial.preflight import FarEnd, preflight
from ansible.module_utils.linerate.trial.replay import ReplayJob, replay

OPTIONS = {
    "interface": {"type": "str", "required": True},
    "pcap": {"type": "path", "required": True},
    "pps": {"type": "float"},
    "mbps": {"type": "float"},
    "multiplier": {"type": "float"},
    "topspeed": {"type": "bool", "default": False},
    "pps_multi": {"type": "int"},
    "loop": {"type": "int", "default": 1},
    "limit": {"type": "int"},
    "duration": {"type": "int"},
    "preload_pcap": {"type": "bool", "default": False},
    "flow_stats": {"type": "bool", "default": True},
    "timer": {"type": "str", "choices": ["select", "gtod", "nano"]},
    "netmap": {"type": "bool", "default": False},
    "nm_delay": {"type": "int", "default": 10},
}
LOOK = {
    "pcap_sha256": {"type": "str"},
    "allow_destinations": {"type": "list", "elements": "str", "required": True},
    "receiver_mtu": {"type": "int"},
    "work": {"type": "str", "default": "a replay"},
}
JOB = {
    "executable": {"type": "str", "default": "tcpreplay"},
    "deadline_seconds": {"type": "float", "required": True},
    "interval_seconds": {"type": "float", "default": 1.0},
    "adapter": {"type": "str", "choices": ["native", "emulated"]},
    "cpu": {"type": "int"},
    "stall_seconds": {"type": "float", "default": 3.0},
    "trial": {"type": "dict"},
}
AROUND_SECONDS = 300
"""What looking before, and putting back after, may take beside the deadline: then the kernel ends this process."""


def main() -> None:
    module = AnsibleModule(argument_spec={**OPTIONS, **LOOK, **JOB}, supports_check_mode=True)
    given = module.params
    lease = Lease().listen()
    try:
        options = ReplayOptions(**{name: given[name] for name in OPTIONS})
        job = ReplayJob(options, **{name: given[name] for name in JOB})
        far_end = FarEnd(AllowedDestinations(given["allow_destinations"]), given["receiver_mtu"])
        pcaps = [(options.pcap, given["pcap_sha256"])]
        if module.check_mode:
            refuse_held(options.interface)
            preflight(options.interface, pcaps, far_end, run, job.cpu)
            module.exit_json(changed=True, argv=build_argv(options, given["executable"]))
        end_within(job.deadline_seconds + AROUND_SECONDS)
        with sole_sender(options.interface, given["work"]):
            recover(options.interface, run)
            preflight(options.interface, pcaps, far_end, run, job.cpu)
            module.exit_json(changed=True, **replay(job, run, lease.over))
    except LinerateError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
