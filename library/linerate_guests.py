#!/usr/bin/python
"""Start or stop the guests of the virtual bench: a thin layer over linerate.lab.guest."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linerate_guests
short_description: Start or stop QEMU guests, a sender and a receiver with kernels of their own
description:
  - Starts the guests C(sender1) and C(receiver1), each on a fresh overlay of one disk image. Their SSH ports are
    forwarded from free ports of 127.0.0.1; their second NICs (e1000) are connected to each other.
  - A guest boots the kernel that C(/vmlinuz) on its disk links to, so a newly installed kernel runs after a reboot.
  - KVM is used where a test boot with it succeeds, emulation otherwise.
  - A running guest is left unchanged; one whose process has died is started from a fresh disk.
  - The ports of the guests are stored in C(guests.json) in O(folder).
requirements:
  - qemu-system-x86, qemu-utils and grub-pc-bin on the host
extends_documentation_fragment: [linerate.state, linerate.steps]
options:
  state:
    description: State of the guests.
  folder:
    description: Folder for the overlays, console logs and pid files. O(state=absent) removes it.
    type: path
    required: true
  image:
    description:
      - Folder with C(disk.img) and its kernel, C(vmlinuz). Required with O(state=present).
    type: path
  names:
    description: The guests; the others are left unchanged.
    type: list
    elements: str
    choices: [sender1, receiver1]
    default: [sender1, receiver1]
  afresh:
    description:
      - Guests of O(names) to start from a fresh disk even if they run, such as one whose boot hangs. What is on their
        disks is lost.
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
  nic:
    description:
      - QEMU's model of the NIC for traffic. The NIC for management is of the other model, so that its driver can be
        replaced.
    type: str
    choices: [e1000, virtio-net-pci]
    default: e1000
attributes:
  diff_mode:
    description: Shows which guests are started and stopped.
author:
  - The linerate contributors
"""

EXAMPLES = r"""
- name: Start the guests
  linerate_guests:
    folder: /var/tmp/linerate-guests/running
    image: /var/tmp/linerate-guests/image

- name: Stop the guests
  linerate_guests:
    state: absent
    folder: /var/tmp/linerate-guests/running
"""

RETURN = r"""
guests:
  description: The running guests by name, with C(port), C(accelerator) and C(image).
  returned: success
  type: dict
  sample: {"sender1": {"port": 40123, "accelerator": "tcg", "image": "/var/tmp/linerate-guests/image"}}
started:
  description: The guests that were started.
  returned: success
  type: list
  elements: str
  sample: ["sender1"]
steps:
  description: The steps, in order.
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
            "nic": {"type": "str", "choices": list(guest.NICS), "default": "e1000"},
        },
        required_if=[("state", "present", ["image"])],
        supports_check_mode=True,
    )
    given = module.params
    folder = Path(given["folder"])
    try:
        if given["state"] == "present":
            machine = guest.Machine(given["memory_mib"], given["cpus"], given["nic"])
            image = guest.Image(Path(given["image"]))
            selection = guest.Selection(given["names"], given["afresh"])
            change = guest.present(image, folder, machine, run, selection, check=module.check_mode)
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
