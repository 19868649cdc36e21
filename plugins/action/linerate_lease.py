# Copyright: the linerate authors
# SPDX-License-Identifier: MIT
"""Takes the lease of a host for this `ansible-playbook`, and waits for another run where that is wanted."""

from __future__ import annotations

import time

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from linerate.clock import utc_now
from linerate.controller.owner import controller, end_with_playbook, ended, owner
from linerate.errors import HostError
from linerate.system.lease import Lease

POLL_SECONDS = 3.0


class ActionModule(ActionBase):
    """Runs the module of the same name on the target, again and again while it waits."""

    def run(self, tmp=None, task_vars=None):
        """The module's result, and the ``lease`` for the other modules of the run."""
        super().run(tmp, task_vars)
        args = dict(self._task.args)
        try:
            # A worker that waits must not take a lease for an `ansible-playbook` that was killed.
            args["lease"] = self._lease(args, end_with_playbook())
        except HostError as error:
            raise AnsibleActionFail(str(error)) from error
        end = time.monotonic() + float(args.pop("wait_seconds", 0) or 0)
        told = None
        while True:
            result = self._execute_module(module_args=args, task_vars=task_vars)
            holder = result.get("holder")
            if not result.get("failed") or not holder:
                return {**result, "lease": args["lease"]}
            if ended(holder["owner"]) and args.get("ended") != holder["id"]:
                args["ended"] = holder["id"]
                continue
            if time.monotonic() >= end:
                return result
            if told != holder["id"]:
                self._display.display(f"Waiting: {result['msg']}", color="yellow")
                told = holder["id"]
            time.sleep(POLL_SECONDS)

    @staticmethod
    def _lease(args, began):
        """The lease of the run ``run_id``; other runs of the same `ansible-playbook` have others."""
        owned = owner(began)
        run_id, idle = str(args["run_id"]), args.get("idle_seconds")
        identity = f"{run_id} {owned['pid']} {owned['began']} {owned['machine']}"
        given = {"idle_seconds": float(idle)} if idle else {}
        return Lease(identity, run_id, controller(), utc_now(), owned, **given).to_json()
