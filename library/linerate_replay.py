#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Ansible module: the sender's half of a trial."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_replay
short_description: Send a pcap with tcpreplay under supervision
description:
  - Runs the program that sends with an external deadline, counts what the interface sent, and returns the program's own
    statistics only where they are complete and consistent.
  - Takes a planned trial whole, as O(trial); for a single replay outside a run, simple options make the same trial.
  - The exit status of tcpreplay is never trusted. A trial that went wrong is returned, not failed, so that it can be
    stored and judged; bad input fails before anything is sent.
  - A hopeless run is stopped within seconds, with the reason in RV(ignore:process.stopped_because) - the interface is
    down, gone or without a carrier, nothing leaves it, tcpreplay floods its messages, the controller or the connection
    to it is gone, or this module was told to end.
  - After every trial the interface has its settings again; after netmap its carrier is waited for. If this module is
    killed, a cleanup process ends tcpreplay and restores the settings; if that is killed, too, the next trial does.
  - What is known of O(trial) is kept in a journal on the host, which M(linerate_journal) reads.
version_added: "0.1.0"
extends_documentation_fragment: [linerate.destinations, linerate.receiver_mtu, linerate.tcpreplay, linerate.cpu]
author: linerate contributors
options:
  trial:
    description: The trial to send, as M(linerate_run) returned it. Excludes the options of a single replay.
    type: dict
  journal:
    description: Whether to keep a journal of O(trial).
    type: bool
    default: true
  work:
    description: What this sends for; a second sender that is refused the interface is told. By default the trial.
    type: str
  lease:
    description:
      - The lease of the run, as M(linerate_lease) returned it. Nothing is sent while another run holds the host;
        without this option, while any run does.
    type: dict
  run_dir:
    description: Folder of the run on the controller, which the journal names.
    type: path
  interface:
    description: >-
      Sending interface, for a single replay, by its name or an alternative name. Refused where it, or an interface by
      which its frames leave, carries the default route, the SSH session, another interface or an address in use;
      where it is not Ethernet, is down or has no carrier; and where another process of linerate sends on it.
    type: str
  pcap:
    description: Path of the pcap on the host. It is read to its end before anything is sent.
    type: path
  pcap_sha256:
    description: Expected SHA-256 of the pcap, in hex; any other pcap is refused.
    type: str
  pps:
    description: Packets per second. Exactly one of O(pps), O(mbps), O(multiplier), O(topspeed) is given.
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
    description: Read the pcap into memory before sending. Refused where the memory has no room for it.
    type: bool
    default: false
  flow_stats:
    description: Let tcpreplay count flows.
    type: bool
    default: true
  timer:
    description: How tcpreplay waits between packets; its default when left out.
    type: str
    choices: [select, gtod, nano]
  netmap:
    description: Send through netmap.
    type: bool
    default: false
  xdp:
    description: Send through an XDP socket, by linerate's own sender in place of tcpreplay. Excludes O(netmap).
    type: bool
    default: false
  xdp_attach_ok:
    description:
      - Whether an XDP program may be attached to the interface during the trial, for O(adapter=zerocopy). The NIC's
        rings are reset, and the link may flap.
    type: bool
    default: false
  adapter:
    description:
      - With O(netmap=true), the adapter, C(native) or C(emulated), that netmap is forced to use during the trial by its
        parameter admode. Native needs a patched driver, which must be loaded.
      - With O(xdp=true), C(copy), or C(zerocopy), which needs a driver that has it.
    type: str
  cpu:
    description:
      - The one CPU that tcpreplay may run on; by default the scheduler chooses.
      - Where the role sender_tuning isolated that CPU, tcpreplay joins the isolated partition.
  processes:
    description:
      - How many processes send. The pcap is split by flow, each process sends its part at its share of the rate, on a
        CPU and, with O(xdp=true), on a transmit queue of its own, and all start at one instant.
      - Excludes O(multiplier) and O(netmap).
    type: int
    default: 1
  deadline_seconds:
    description: When tcpreplay is stopped from outside, with SIGINT and then SIGKILL.
    type: float
  interval_seconds:
    description: Time between two samples of the interface's counters.
    type: float
    default: 0.1
attributes:
  async:
    description: The trial then continues without C(ansible-playbook), until its own deadline.
    support: full
  check_mode:
    description: Checks all that is checked before sending, returns O(ignore:argv), and sends nothing.
    support: full
"""

EXAMPLES = r"""
- name: Send 60,000 packets at 20,000 packets per second
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
    ended by itself), elapsed seconds, capped stderr, and the CPUs that it could run on while it sent.
  returned: when sent
  type: dict
claim:
  description: tcpreplay's statistics, null where they are missing or inconsistent.
  returned: when sent
  type: dict
claim_error:
  description: Why there is no claim.
  returned: when sent
  type: str
adapter:
  description:
    - The C(kind) of adapter that was requested, the one C(found), both null for an engine without adapters; the
      C(driver) and the C(evidence).
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
    - What the sending interface counted during the trial, and the C(source), the kernel or the driver. Null numbers
      where no counter moves with what a native adapter sends.
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
  description: Share of the time in which tcpreplay's core was not idle, whatever used it.
  returned: when sent
  type: float
parts:
  description: >-
    What each of several processes sent - its command, the packets of its part of the pcap, its CPUs, exit status,
    statistics, and C(started_seconds), how long after the common instant it started (tcpreplay its execution, xdp its
    first packet). Empty where one process sent all.
  returned: when sent
  type: list
  elements: dict
wall_clock_step:
  description: By how many seconds the wall clock moved against the monotonic clock during the trial.
  returned: when sent
  type: float
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.nic.read import interface_name
from ansible.module_utils.linerate.pcap.destinations import AllowedDestinations
from ansible.module_utils.linerate.system.caller_gone import CallerWatch, end_within
from ansible.module_utils.linerate.system.lease import Lease, at_work, refuse_leased
from ansible.module_utils.linerate.system.lock import refuse_held, sole_sender
from ansible.module_utils.linerate.system.run import run
from ansible.module_utils.linerate.tcpreplay.options import TIMERS
from ansible.module_utils.linerate.trial.ad_hoc import DEFAULTS, REQUIRED, ad_hoc_trial
from ansible.module_utils.linerate.trial.engines.registry import engine_of
from ansible.module_utils.linerate.trial.journal import FOLDER
from ansible.module_utils.linerate.trial.model import Trial
from ansible.module_utils.linerate.trial.nic_session import recover
from ansible.module_utils.linerate.trial.preflight import FarEnd, preflight
from ansible.module_utils.linerate.trial.replay import replay

AD_HOC = {
    "interface": {"type": "str"},
    "pcap": {"type": "path"},
    "pcap_sha256": {"type": "str"},
    "allow_destinations": {"type": "list", "elements": "str"},
    "receiver_mtu": {"type": "int"},
    "pps": {"type": "float"},
    "mbps": {"type": "float"},
    "multiplier": {"type": "float"},
    "topspeed": {"type": "bool"},
    "pps_multi": {"type": "int"},
    "loop": {"type": "int"},
    "limit": {"type": "int"},
    "duration": {"type": "int"},
    "preload_pcap": {"type": "bool"},
    "flow_stats": {"type": "bool"},
    "timer": {"type": "str", "choices": list(TIMERS)},
    "netmap": {"type": "bool"},
    "xdp": {"type": "bool"},
    "xdp_attach_ok": {"type": "bool"},
    "adapter": {"type": "str"},
    "nm_delay": {"type": "int"},
    "executable": {"type": "str"},
    "deadline_seconds": {"type": "float"},
    "interval_seconds": {"type": "float"},
    "cpu": {"type": "int"},
    "stall_seconds": {"type": "float"},
    "processes": {"type": "int"},
}
SPEC = {
    "trial": {"type": "dict"},
    "journal": {"type": "bool", "default": True},
    "work": {"type": "str"},
    "lease": {"type": "dict"},
    "run_dir": {"type": "path"},
    **{name: {**option, "default": DEFAULTS.get(name)} for name, option in AD_HOC.items()},
}
AROUND_SECONDS = 300
"""What preflight and restoring may take in addition to the deadline; after that the kernel ends this process."""


def main() -> None:
    module = AnsibleModule(
        argument_spec=SPEC,
        supports_check_mode=True,
        required_one_of=[("trial", "interface")],
        mutually_exclusive=[("trial", name) for name in REQUIRED],
        required_together=[REQUIRED],
    )
    caller = CallerWatch().listen()
    try:
        trial, work, journals = requested(module.params)
        interface, pcaps = trial.sending.interface, [(trial.case.pcap, trial.case.pcap_sha256 or None)]
        preloading = trial.method.processes if trial.sending.settings.get("preload_pcap") else 0
        far_end = FarEnd(AllowedDestinations(trial.bench.allow_destinations), trial.bench.receiver_mtu)
        lease = Lease.from_json(module.params["lease"]) if module.params["lease"] else None
        if module.check_mode:
            refuse_leased(lease.id if lease else None)
            refuse_held(interface)
            preflight(interface, pcaps, far_end, run, trial.sending.cpu, preloading)
            module.exit_json(changed=True, argv=engine_of(trial.method).command(trial))
        seconds = trial.offered.deadline_seconds + AROUND_SECONDS
        end_within(seconds)
        with at_work(lease, seconds), sole_sender(interface, work):
            recover(interface, run)
            preflight(interface, pcaps, far_end, run, trial.sending.cpu, preloading)
            module.exit_json(changed=True, **replay(trial, run, caller.end_reason, journals).to_json())
    except LinerateError as error:
        module.fail_json(msg=str(error))


def requested(given: dict) -> tuple:
    """The trial, what it is for, and the folder of its journal; an ad-hoc trial has none."""
    if given["trial"] is None:
        return (
            ad_hoc_trial({**given, "interface": interface_name(given["interface"], run)}),
            given["work"] or "a replay",
            None,
        )
    trial = Trial.from_json(given["trial"])
    work = given["work"] or f"trial {trial.trial_id} of run {trial.bench.run_id}"
    return trial, work, FOLDER if given["journal"] else None


if __name__ == "__main__":
    main()
