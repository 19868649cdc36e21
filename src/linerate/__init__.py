"""The core of linerate: everything it knows about frames, pcaps, tcpreplay, hosts and trials.

Pure Python 3.9; shipped to targets by Ansible as ``ansible.module_utils.linerate``,
so nothing here may import Ansible, and imports inside the package are relative.
"""

__version__ = "0.1.0"
