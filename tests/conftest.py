"""Settings of every test."""

from __future__ import annotations

import os

# Tests read Ansible's own output; those of the console choose another.
os.environ.setdefault("LINERATE_OUTPUT", "ansible")
