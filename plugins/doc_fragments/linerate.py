# SPDX-License-Identifier: MIT
"""Documentation that several modules share; a module states what differs, such as ``required``, next to it."""

from __future__ import annotations


class ModuleDocFragment:
    """Each attribute is one fragment: ``extends_documentation_fragment: [linerate.interface]``."""

    INTERFACE = r"""
options:
  interface:
    description: The interface that sends.
    type: str
    required: true
"""

    CPU = r"""
options:
  cpu:
    description: The one CPU that the sending program runs on; by default the scheduler chooses.
    type: int
"""

    DESTINATIONS = r"""
options:
  allow_destinations:
    description:
      - Where frames may go - IP networks and MAC addresses. The destination MAC of a frame must be listed; where the
        frame carries IP, its destination must be in a listed network, too. VLAN tags, MPLS labels, PPPoE, LLC/SNAP
        and tunnels in IP are looked through; a frame with another header that may hide an IP packet is allowed only if
        the header is listed (its EtherType such as 0x88e5, or llc). A listed MAC is enough for a frame without IP.
      - An address of the sending interface that is in none of the networks is in use, so the interface is refused.
    type: list
    elements: str
"""

    RECEIVER_MTU = r"""
options:
  receiver_mtu:
    description: MTU of the receiver's interface in bytes; not validated if omitted.
    type: int
"""

    TCPREPLAY = r"""
options:
  executable:
    description: The tcpreplay to run.
    type: str
    default: tcpreplay
  nm_delay:
    description: Seconds that tcpreplay waits for the link when it opens and closes netmap.
    type: int
    default: 10
  stall_seconds:
    description:
      - How long nothing may leave the interface, in addition to the gap between two packets at the offered rate, before
        a trial is stopped; two seconds more through netmap, since a NIC counts in steps. A busy emulated host needs
        more.
    type: float
    default: 3.0
"""

    RESULTS = r"""
options:
  schemas_dir:
    description: Folder of the JSON Schemas.
    type: path
    required: true
  rate_tolerance_percent:
    description: By how many percent the rate of a paced trial may differ from the offered rate.
    type: float
    default: 1.0
"""

    NETMAP_PARAMETERS = r"""
options:
  parameters:
    description: Parameters of the kernel module netmap, with values as the kernel writes them.
    type: dict
    default: {}
"""

    STATE = r"""
options:
  state:
    description: Whether it exists.
    type: str
    choices: [present, absent]
    default: present
"""

    STEPS = r"""
attributes:
  check_mode:
    support: full
    description: Returns the steps, without doing them.
  diff_mode:
    support: full
    description: Shows the steps.
"""

    READS = r"""
attributes:
  check_mode:
    support: full
    description: Reads only.
"""
