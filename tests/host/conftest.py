"""The report of the host checks: one line per failed check, or the number of checks that a host passed.

A check's docstring is the requirement, its assertion message is what was found instead. The role verify turns
pytest's own terminal report off, so these lines are the whole output.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest

EXPECTED: dict[str, Any] = json.loads(os.environ["LINERATE_EXPECTED"])
"""What the host must have, from roles/verify/vars/main.yml."""

REQUIRED = {
    "test_native.py": bool(EXPECTED["netmap"] and EXPECTED["netmap"]["patched_drivers"]),
    "test_netmap.py": bool(EXPECTED["netmap"]),
    "test_tcpreplay.py": bool(EXPECTED["tcpreplay"]["folder"]),
    "test_tuning.py": bool(EXPECTED["sender_tuning"]),
}
"""Whether the checks of a file apply; those of the files not named here always do."""

collect_ignore = [name for name, required in REQUIRED.items() if not required]


@pytest.fixture(scope="session")
def expected() -> dict[str, Any]:
    """What the host must have."""
    return EXPECTED


@pytest.fixture(scope="session")
def interface() -> str:
    """The interface that sends."""
    return str(EXPECTED["interface"])


_TCPREPLAY: dict[str, dict] = {}


@pytest.fixture(scope="module")
def tcpreplay(host) -> dict:
    """The host's tcpreplay, queried once for all files; only ``msg``, the reason, where it does not run."""
    name = host.backend.host
    if name not in _TCPREPLAY:
        executable = EXPECTED["tcpreplay"]["executable"]
        _TCPREPLAY[name] = host.ansible("tcpreplay_info", json.dumps({"executable": executable}))
    return _TCPREPLAY[name]


@pytest.fixture(scope="module")
def outputs(host) -> Callable[[Mapping[str, str]], dict[str, str]]:
    """A function that runs shell commands in one round trip, since each round trip takes seconds on a slow host.

    It takes commands by name and returns the stripped output of each; the output of a command that fails is empty.
    """

    def run(commands: Mapping[str, str]) -> dict[str, str]:
        marked = "; ".join(f"echo '== {name}'; {{ {command}; }} 2>/dev/null" for name, command in commands.items())
        found: dict[str, list[str]] = {}
        for line in host.check_output(f"{marked}; true").splitlines():
            if line.startswith("== "):
                found[line[3:]] = lines = []
            else:
                lines.append(line.strip())
        return {name: "\n".join(lines) for name, lines in found.items()}

    return run


def pytest_configure(config):
    """Replace pytest's report."""
    config.pluginmanager.register(Outcomes(), "outcomes")


class Outcomes:
    """The outcome of every check, by host."""

    def __init__(self):
        self.passed: Counter[str] = Counter()
        self.failed: dict[str, None] = {}

    def pytest_itemcollected(self, item):
        """Attach the host's name and the requirement to the check."""
        host = item.callspec.params["_testinfra_host"].backend.host if hasattr(item, "callspec") else "?"
        tool = item.callspec.params.get("tool", "") if hasattr(item, "callspec") else ""
        requirement = (item.function.__doc__ or item.name).splitlines()[0].rstrip(".").format(tool=tool)
        item.user_properties += [("host", host), ("requirement", requirement)]

    def pytest_runtest_logreport(self, report):
        """Count a passed check, store the line of a failed one; all errors of one fixture share a line."""
        properties = dict(report.user_properties)
        if report.when == "call" and report.passed:
            self.passed[properties["host"]] += 1
        elif report.when == "call" and report.failed:
            self.failed[f"{properties['host']}: {properties['requirement']}: {_message(report)}"] = None
        elif not report.passed:
            self.failed[f"{properties['host']}: can be queried: {_message(report)}"] = None

    def pytest_collectreport(self, report):
        """A file of checks that cannot be imported is a failure, too."""
        if report.failed:
            self.failed[f"{report.nodeid}: can be imported: {_message(report)}"] = None

    def pytest_internalerror(self, excrepr):
        """Print the error: without pytest's terminal report nothing else would."""
        print(excrepr)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session):
        """Print the lines. No check at all is a failure too: an empty group must not pass."""
        if not self.passed and not self.failed:
            self.failed["no host was checked"] = None
        if self.failed:
            print("\n".join(self.failed))
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        else:
            print("\n".join(f"{host}: {count} checks passed" for host, count in self.passed.items()))


def _message(report) -> str:
    """The assertion's own message, without pytest's explanation below it."""
    crash = getattr(report.longrepr, "reprcrash", None)
    message = crash.message if crash else str(report.longrepr)
    return message.splitlines()[0].removeprefix("AssertionError: ")
