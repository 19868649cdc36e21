# Copyright: the linerate authors
# SPDX-License-Identifier: MIT
"""Ends a trial together with the `ansible-playbook` that started it."""

from __future__ import annotations

import ctypes
import os
import signal

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from linerate.controller.owner import owner

PR_SET_PDEATHSIG = 1


class ActionModule(ActionBase):
    """Runs the module of the same name on the target."""

    _supports_async = True

    def run(self, tmp=None, task_vars=None):
        """The module's own result.

        A worker of Ansible outlives an `ansible-playbook` that is killed, and the trial would continue. The kernel
        signals it instead (prctl(2)), and it ends with what it started, the SSH client included; the module sees that
        its output has no reader any more.
        """
        super().run(tmp, task_vars)
        began = os.getppid()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        if os.getppid() != began:
            raise AnsibleActionFail("ansible-playbook has ended.")
        args = dict(self._task.args)
        if isinstance(args.get("trial"), dict):
            # Kept in the journal: an interrupted trial is stored by this process, as long as it lives.
            args["trial"] = {**args["trial"], "owner": owner(began)}
        return self._execute_module(module_args=args, task_vars=task_vars, wrap_async=self._task.async_val)
