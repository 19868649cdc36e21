#!/usr/bin/python
"""Start or end the guests of the virtual bench: a thin layer over linerate.lab.guest."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_guests
short_description: Start or end QEMU guests, a sender and a receiver with kernels of their own
description:
  - Starts the guests C(sender1) and C(receiver1), each on a fresh overlay of one disk image. Their SSH is reached
    on ports of 127.0.0.1 that were free; their second NICs (e1000) are joined to each other.
  - A guest boots the kernel that C(/vmlinuz) on its disk leads to, so after a kernel was installed in it and it was
    rebooted it runs that one.
  - KVM is used where a kernel was seen to start by it, QEMU's own emulation otherwise.
  - A guest that runs is left alone; one whose process died is started afresh.
  - Which ports the guests have is stored in C(guests.json) in O(folder).
requirements:
  - qemu-system-x86, qemu-utils and grub-pc-bin on the host
options:
  state:
    description: Whether the guests are to run.
    type: str
    choices: [present, absent]
    default: present
  folder:
    description: Folder for the overlays, consoles and pid files. With O(state=absent) it is removed.
    type: path
    required: true
  image:
    description:
      - Folder that holds C(disk.img), and as C(vmlinuz) the kernel on it. Needed with O(state=present).
    type: path
  names:
    description: Which of the two guests are wanted; the others are left as they are.
    type: list
    elements: str
    choices: [sender1, receiver1]
    default: [sender1, receiver1]
  afresh:
    description: Which of O(names) begin afresh although they run, such as one whose boot hangs. What they hold is lost.
    type: list
    elements: str
    choices: [sender1, receiver1]
    default: []
  memory_mib:
    description: Memory of each guest in MiB.
    type: int
    default: 2048
  cpus:
    description: Virtual CPUs of each guest.
    type: int
    default: 2
attributes:
  check_mode:
    support: full
    description: Says what would be done, without doing it.
  diff_mode:
    support: full
    description: Shows which guests are started and ended.
author:
  - The linerate contributors
"""

EXAMPLES = r"""
- name: Have the guests run
  linerate_guests:
    folder: /var/tmp/linerate-guests/running
    image: /var/tmp/linerate-guests/image

- name: End them
  linerate_guests:
    state: absent
    folder: /var/tmp/linerate-guests/running
"""

RETURN = r"""
guests:
  description: The guests that run, by name, with C(port), C(accelerator) and C(image).
  returned: success
  type: dict
  sample: {"sender1": {"port": 40123, "accelerator": "tcg", "image": "/var/tmp/linerate-guests/image"}}
started:
  description: The guests that this call started.
  returned: success
  type: list
  elements: str
  sample: ["sender1"]
steps:
  description: What was needed, in order.
  returned: success
  type: list
  elements: str
  sample: ["start sender1 from image"]
"""

from dataclasses import asdict
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.linerate.errors import LinerateError
from ansible.module_utils.linerate.lab import guest
from ansible.module_utils.linerate.system.run import run


def main() -> None:
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "folder": {"type": "path", "required": True},
            "image": {"type": "path"},
            "names": {
                "type": "list",
                "elements": "str",
                "choices": ["sender1", "receiver1"],
                "default": list(guest.NAMES),
            },
            "afresh": {"type": "list", "elements": "str", "choices": ["sender1", "receiver1"], "default": []},
            "memory_mib": {"type": "int", "default": 2048},
            "cpus": {"type": "int", "default": 2},
        },
        required_if=[("state", "present", ["image"])],
        supports_check_mode=True,
    )
    given = module.params
    folder = Path(given["folder"])
    try:
        if given["state"] == "present":
            machine = guest.Machine(given["memory_mib"], given["cpus"])
            image = guest.Image(Path(given["image"]))
            wanted = guest.Wanted(given["names"], given["afresh"])
            change = guest.present(image, folder, machine, run, wanted, check=module.check_mode)
        else:
            change = guest.absent(folder, check=module.check_mode)
    except LinerateError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=change.changed,
        guests={name: asdict(running) for name, running in change.guests.items()},
        started=list(change.started),
        steps=list(change.steps),
        diff={"before": "", "after": "".join(f"{step}\n" for step in change.steps)},
    )


if __name__ == "__main__":
    main()
