"""Run tasks inside a network namespace of the controller, as if it were a host."""

from __future__ import annotations

DOCUMENTATION = """
name: netns
short_description: Run tasks in a network namespace of the controller
description:
  - Runs commands with C(ip netns exec) as root, which also mounts the namespace's own C(/sys).
    Files are the controller's.
  - A controller process that is not root uses C(sudo -n).
author: The linerate contributors
options:
  netns_name:
    description:
      - Name of the network namespace.
      - The default is C(linerate-) and the inventory name of the host.
    type: str
    vars:
      - name: linerate_netns
  inventory_name:
    description: The inventory name of the host, for the default of O(netns_name).
    type: str
    vars:
      - name: inventory_hostname
  become_success_timeout:
    description: Seconds to wait for become to succeed when enabled.
    type: int
    default: 10
    vars:
      - name: ansible_local_become_success_timeout
  become_strip_preamble:
    description: Strip internal become output preceding command execution.
    type: bool
    default: true
    vars:
      - name: ansible_local_become_strip_preamble
extends_documentation_fragment:
  - connection_pipelining
"""

import os
import re
import shlex
from pathlib import Path

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.connection.local import Connection as LocalConnection

NAMESPACES = Path("/run/netns")

NOT_ENTERED = (b"setting the network namespace", b"Cannot open network namespace")
"""How the errors of `ip netns exec` begin where it cannot enter the namespace; the command has not run then."""

NO_SUDO = re.compile(rb"(\S*sh: )?(\d+: )?sudo: ")
"""How the errors of sudo, and of a shell that does not find it, begin; the command has not run then."""


class Connection(LocalConnection):
    """Ansible's local connection, through ``ip netns exec``."""

    transport = "netns"
    has_pipelining = True

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        # Commands in the namespace already run as root, so become has nothing to do.
        self.default_user = "root"
        self._sudo = [] if os.geteuid() == 0 else ["sudo", "-n", "-H"]

    def _connect(self):
        if not (NAMESPACES / self._namespace).exists():
            raise AnsibleConnectionFailure(
                f"The network namespace {self._namespace} does not exist: run playbooks/lab.yml first."
            )
        return super()._connect()

    @property
    def _namespace(self) -> str:
        return self.get_option("netns_name") or f"linerate-{self.get_option('inventory_name')}"

    def exec_command(self, cmd, in_data=None, sudoable=True):
        """Run ``cmd``, a shell command line quoted by Ansible, in the namespace."""
        inside = [*self._sudo, "ip", "netns", "exec", self._namespace, "/bin/sh", "-c", cmd]
        status, stdout, stderr = super().exec_command(shlex.join(inside), in_data=in_data, sudoable=sudoable)
        if status != 0 and self._sudo:
            self._require_root(stderr)
        if status != 0 and stderr.startswith(NOT_ENTERED):
            raise AnsibleConnectionFailure(
                f"The network namespace {self._namespace} cannot be entered "
                f"({stderr.decode(errors='replace').strip()}): run playbooks/lab.yml first."
            )
        return status, stdout, stderr

    def _require_root(self, stderr: bytes) -> None:
        """AnsibleConnectionFailure if ``stderr`` says that sudo did not run the command, or is not there."""
        if NO_SUDO.match(stderr):
            raise AnsibleConnectionFailure(
                f"The namespace {self._namespace} needs root ({stderr.decode(errors='replace').strip()}). "
                "Let this user use sudo without a password (NOPASSWD in sudoers), or run as root."
            )

    def put_file(self, in_path, out_path):
        """Copy a file of the controller to a place where only root may write."""
        if not self._sudo:
            super().put_file(in_path, out_path)
            return
        self._as_root(["dd", f"of={out_path}", "status=none"], Path(in_path).read_bytes())

    def fetch_file(self, in_path, out_path):
        """Copy a file that only root may read to a place of the controller's user."""
        if not self._sudo:
            super().fetch_file(in_path, out_path)
            return
        Path(out_path).write_bytes(self._as_root(["cat", in_path]))

    def _as_root(self, argv: list[str], in_data: bytes = b"") -> bytes:
        status, stdout, stderr = super().exec_command(shlex.join([*self._sudo, *argv]), in_data, sudoable=False)
        if status != 0:
            self._require_root(stderr)
            raise AnsibleError(f"{shlex.join(argv)}: {stderr.decode(errors='replace').strip()}")
        return stdout
