# Copyright: the linerate authors
# SPDX-License-Identifier: MIT
"""Convert a capture on the controller, and copy the pcap to the host if the host does not have it."""

from __future__ import annotations

import os
import tempfile

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from linerate.errors import LinerateError
from linerate.pcap.convert import Capture, convert
from linerate.pcap.rewrite import Rewrite


class ActionModule(ActionBase):
    """Runs the module of the same name twice: to compare the pcap of the host, and to write another one there."""

    TRANSFERS_FILES = True
    # Checked before the capture is read, which may take long.
    _VALID_ARGS = frozenset(("path", "src", "rewrite"))

    def run(self, tmp=None, task_vars=None):
        """Run the module; a capture that cannot be sent fails here, with its reason."""
        super().run(tmp, task_vars)
        args = dict(self._task.args)
        try:
            capture = Capture(os.path.expanduser(str(args.get("src", ""))), Rewrite.of(args.get("rewrite")))
            args["parameters"] = parameters = capture.parameters()
            found = self._execute_module(module_args=args, task_vars=task_vars)
            if found.get("failed") or not found.get("changed"):
                return found
            if self._task.check_mode:
                args["manifest"] = convert(capture, parameters, None).to_json()
                return self._execute_module(module_args=args, task_vars=task_vars)
            with tempfile.TemporaryDirectory(prefix="linerate-") as folder:
                converted = os.path.join(folder, "converted.pcap")
                args["manifest"] = convert(capture, parameters, converted).to_json()
                return self._write(converted, args, task_vars)
        except LinerateError as error:
            raise AnsibleActionFail(str(error)) from error

    def _write(self, converted, args, task_vars):
        """Copy the converted capture to the host and let the module write it to its place."""
        remote = self._connection._shell.join_path(self._make_tmp_path(), "converted.pcap")
        self._transfer_file(converted, remote)
        self._fixup_perms2((self._connection._shell.tmpdir, remote))
        return self._execute_module(module_args={**args, "staged": remote}, task_vars=task_vars)
