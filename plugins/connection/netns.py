"""Run tasks inside a network namespace of the controller, as if it were a host."""

from __future__ import annotations

DOCUMENTATION = """
name: netns
short_description: Run tasks in a network namespace of the controller
description:
  - Runs commands with C(ip netns exec) as root, which also shows the namespace's own C(/sys).
    Files are the controller's own.
  - A controller process that is not root goes through C(sudo -n).
author: The linerate contributors
options:
  netns_name:
    description:
      - Name of the network namespace.
      - Without it, C(linerate-) and the inventory's name of the host.
    type: str
    vars:
      - name: linerate_netns
  inventory_name:
    description: The inventory's name of the host, from which the namespace is named.
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
import shlex
from pathlib import Path

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.connection.local import Connection as LocalConnection

NAMESPACES = Path("/run/netns")

GONE = (b"setting the network namespace", b"Cannot open network namespace")
"""How `ip netns exec` begins when it could not enter; the command itself was then never run."""


class Connection(LocalConnection):
    """Ansible's local connection, entered through ``ip netns exec``."""

    transport = "netns"
    has_pipelining = True

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        # What is run in here is root already, so that becoming root is nothing to do.
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
        """Run ``cmd``, a shell command line that Ansible has quoted, in the namespace."""
        inside = [*self._sudo, "ip", "netns", "exec", self._namespace, "/bin/sh", "-c", cmd]
        status, stdout, stderr = super().exec_command(shlex.join(inside), in_data=in_data, sudoable=sudoable)
        if status != 0 and stderr.startswith(GONE):
            raise AnsibleConnectionFailure(
                f"The network namespace {self._namespace} cannot be entered "
                f"({stderr.decode(errors='replace').strip()}): run playbooks/lab.yml first."
            )
        return status, stdout, stderr

    def put_file(self, in_path, out_path):
        """Copy a file of the controller to where only root may write."""
        if not self._sudo:
            super().put_file(in_path, out_path)
            return
        self._as_root(["dd", f"of={out_path}", "status=none"], Path(in_path).read_bytes())

    def fetch_file(self, in_path, out_path):
        """Copy a file that only root may read to the controller."""
        if not self._sudo:
            super().fetch_file(in_path, out_path)
            return
        Path(out_path).write_bytes(self._as_root(["cat", in_path]))

    def _as_root(self, argv: list[str], in_data: bytes = b"") -> bytes:
        status, stdout, stderr = super().exec_command(shlex.join([*self._sudo, *argv]), in_data, sudoable=False)
        if status != 0:
            raise AnsibleError(f"{shlex.join(argv)}: {stderr.decode(errors='replace').strip()}")
        return stdout
