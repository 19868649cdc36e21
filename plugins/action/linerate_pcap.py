# Copyright: the linerate authors
# SPDX-License-Identifier: MIT
"""Build the first frames of a pcap on the controller, so that the target does not need Scapy."""

from __future__ import annotations

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from linerate.errors import HostError, InputError
from linerate.pcap.spec import PARAMETERS, PcapSpec
from linerate.pcap.template import build_templates


class ActionModule(ActionBase):
    """Adds ``templates`` to the arguments and runs the module of the same name on the target."""

    def run(self, tmp=None, task_vars=None):
        """Run the module; invalid parameters fail here, with the module's message."""
        super().run(tmp, task_vars)
        args = dict(self._task.args)
        if args.get("templates") is None:
            try:
                spec = PcapSpec.of({name: args.get(name) for name in PARAMETERS})
                args["templates"] = [template.hex() for template in build_templates(spec)]
            except InputError as error:
                raise AnsibleActionFail(str(error)) from error
            except HostError as error:
                # Scapy is missing here. The module fails if the target does not have it either.
                self._display.vv(f"linerate_pcap: the target builds the first frames: {error}")
        return self._execute_module(module_args=args, task_vars=task_vars)
