"""The core of linerate: frames, pcaps, tcpreplay, hosts, trials and results.

Python 3.9. Ansible ships it to targets as ``ansible.module_utils.linerate``, so it does not import Ansible, and imports
within the package are relative.
"""

__version__ = "0.1.0"
