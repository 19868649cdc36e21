"""Run the module linerate_replay alone: its arguments as JSON on the command line, its answer on stdout."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

from ansible.module_utils import basic

import linerate

# Where Ansible puts the core for a module.
sys.modules["ansible.module_utils.linerate"] = linerate
basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": json.loads(sys.argv[1])}).encode()
basic._ANSIBLE_PROFILE = "legacy"
runpy.run_path(str(Path(__file__).parents[2] / "library/linerate_replay.py"), run_name="__main__")
