# Copyright: the linerate authors
# SPDX-License-Identifier: MIT
"""Ends a trial together with the `ansible-playbook` that started it."""

from __future__ import annotations

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from linerate.controller.owner import end_with_playbook, owner
from linerate.errors import HostError


class ActionModule(ActionBase):
    """Runs the module of the same name on the target."""

    _supports_async = True

    def run(self, tmp=None, task_vars=None):
        """The module's own result; it sees the end of `ansible-playbook` as an output that nobody reads."""
        super().run(tmp, task_vars)
        try:
            began = end_with_playbook()
        except HostError as error:
            raise AnsibleActionFail(str(error)) from error
        args = dict(self._task.args)
        if isinstance(args.get("trial"), dict):
            # Kept in the journal: an interrupted trial is stored by this process, as long as it lives, and there.
            args["trial"] = {**args["trial"], "owner": {**owner(began), "run_dir": args.get("run_dir")}}
        return self._execute_module(module_args=args, task_vars=task_vars, wrap_async=self._task.async_val)
