#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Ansible module: the lease of a host, which one run at a time holds."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_lease
short_description: Let one run at a time use a host
description:
  - A run that holds the lease of a host is the only one that sends, counts, and changes what trials depend on there.
    All controllers and users of the host see it.
  - M(linerate_replay) and M(linerate_receive) renew it. It ends by itself O(idle_seconds) after the last work of the
    run on the host, and at once for other runs of the same controller if C(ansible-playbook) was killed.
version_added: "0.1.0"
author: linerate contributors
options:
  state:
    description:
      - C(held) takes or renews the lease.
      - C(free) checks that no other run holds it, and removes that of a run whose owner has ended.
      - C(released) ends it; the lease of another run stays.
    type: str
    choices: [held, free, released]
    required: true
  run_id:
    description: The run, as other runs are told.
    type: str
    required: true
  wait_seconds:
    description: How long to wait for another run that holds the lease; by default it is an error at once.
    type: float
    default: 0
  idle_seconds:
    description: How long the run may do nothing on the host.
    type: float
    default: 120
  clean:
    description:
      - With O(state=held), whether to end all counts here, and remove the sockets, kept counts and locks of earlier
        processes. To be set when interrupted trials are stored, and no trial of this run is in progress.
      - With O(state=released), whether to remove the folder C(/run/linerate) if it is empty.
    type: bool
    default: false
  lease:
    description: Set by the action plugin of the same name.
    type: dict
    required: true
  ended:
    description: Set by the action plugin; the id of a lease whose owner has ended.
    type: str
attributes:
  check_mode:
    description: Changes nothing; fails while another run holds the lease.
    support: full
"""

EXAMPLES = r"""
- name: Lease the sender
  linerate_lease:
    state: held
    run_id: 20260101T000000Z-sender1
  register: leased

- name: Release the sender
  linerate_lease:
    state: released
    run_id: 20260101T000000Z-sender1
"""

RETURN = r"""
lease:
  description: The lease, for the other modules of the run.
  returned: success
  type: dict
place:
  description: What identifies the host; the same for namespaces of one machine.
  returned: success
  type: str
holder:
  description: The lease of another run.
  returned: when another run holds the host
  type: dict
"""

from contextlib import suppress
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.receiver.process import STATE_DIRECTORY, end_all
from ansible.module_utils.linerate.system.lease import (
    IDLE_SECONDS,
    Lease,
    LeasedError,
    hold,
    place,
    refuse_leased,
    release,
)
from ansible.module_utils.linerate.system.lock import remove_orphaned_locks
from ansible.module_utils.linerate.trial.events import remove_events


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["held", "free", "released"], "required": True},
            "run_id": {"type": "str", "required": True},
            "wait_seconds": {"type": "float", "default": 0},
            "idle_seconds": {"type": "float", "default": IDLE_SECONDS},
            "clean": {"type": "bool", "default": False},
            "lease": {"type": "dict", "required": True},
            "ended": {"type": "str"},
        },
        supports_check_mode=True,
    )
    given = module.params
    try:
        lease = Lease.from_json(given["lease"])
        changed = applied(given["state"], lease, given["ended"], module.check_mode)
        if given["clean"] and not module.check_mode:
            clean(given["state"])
        module.exit_json(changed=changed, place=place())
    except LeasedError as error:
        module.fail_json(msg=str(error), holder=error.lease.to_json())
    except LinerateError as error:
        module.fail_json(msg=str(error))


def applied(state: str, lease: Lease, ended: str | None, check: bool) -> bool:
    """Bring the lease into its state; whether that changes it."""
    if state == "released":
        return release(lease.id, check=check)
    if check:
        refuse_leased(lease.id, ended)
    if state == "held":
        return check or hold(lease, ended=ended)
    removed = release(ended, check=check) if ended else False
    refuse_leased(lease.id, ended)
    return removed


def clean(state: str) -> None:
    """Remove what earlier runs left here; the folder, if it is empty, once the lease is released."""
    if state == "held":
        end_all()
        remove_orphaned_locks()
        remove_events()
    elif state == "released":
        with suppress(OSError):
            Path(STATE_DIRECTORY).rmdir()


if __name__ == "__main__":
    main()
