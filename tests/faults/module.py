"""Run the module linerate_replay without Ansible: arguments as JSON on the command line, the result on stdout."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

from ansible.module_utils import basic

import linerate

# Where Ansible provides the core to a module.
sys.modules["ansible.module_utils.linerate"] = linerate
basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": json.loads(sys.argv[1])}).encode()
basic._ANSIBLE_PROFILE = "legacy"
runpy.run_path(str(Path(__file__).parents[2] / "library/linerate_replay.py"), run_name="__main__")
