"""Prints what a person needs: one line for each broken promise, or how many checks a host passed.

The docstring of a check is the promise; what its assertion says is what was found. pytest's own terminal
report is switched off by playbooks/verify.yml, so these lines are the whole output.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping

import pytest

ASKED_FOR = {
    "test_native.py": "LINERATE_VERIFY_NATIVE",
    "test_netmap.py": "LINERATE_VERIFY_NETMAP",
    "test_tcpreplay.py": "LINERATE_VERIFY_TCPREPLAY_PLACE",
    "test_tuning.py": "LINERATE_VERIFY_TUNING",
}
"""Files of checks that matter only where playbooks/verify.yml gives this variable a value."""

collect_ignore = [name for name, variable in ASKED_FOR.items() if not os.environ.get(variable)]


_TOLD: dict[str, dict] = {}


@pytest.fixture(scope="module")
def tcpreplay(host) -> dict:
    """What the host says of its tcpreplay, asked once for all files; only ``msg``, why, where it does not run."""
    name = host.backend.host
    if name not in _TOLD:
        _TOLD[name] = host.ansible("tcpreplay_info", f"executable={os.environ['LINERATE_VERIFY_TCPREPLAY']}")
    return _TOLD[name]


@pytest.fixture(scope="module")
def ask(host) -> Callable[[Mapping[str, str]], dict[str, str]]:
    """A function that runs shell commands in one round trip, since each costs seconds on a slow host.

    It takes commands by name and gives what each printed, without spaces around it; those that fail are empty.
    """

    def run(commands: Mapping[str, str]) -> dict[str, str]:
        marked = "; ".join(f"echo '== {name}'; {{ {command}; }} 2>/dev/null" for name, command in commands.items())
        answers: dict[str, list[str]] = {}
        for line in host.check_output(f"{marked}; true").splitlines():
            if line.startswith("== "):
                answers[line[3:]] = lines = []
            else:
                lines.append(line.strip())
        return {name: "\n".join(lines) for name, lines in answers.items()}

    return run


def pytest_configure(config):
    """Take over the report."""
    config.pluginmanager.register(Promises(), "promises")


class Promises:
    """Collects the outcome of every check, by host."""

    def __init__(self):
        self.passed: Counter[str] = Counter()
        self.broken: dict[str, None] = {}

    def pytest_itemcollected(self, item):
        """Hand the host's name and the promise to the report."""
        host = item.callspec.params["_testinfra_host"].backend.host if hasattr(item, "callspec") else "?"
        tool = item.callspec.params.get("tool", "") if hasattr(item, "callspec") else ""
        promise = (item.function.__doc__ or item.name).splitlines()[0].rstrip(".").format(tool=tool)
        item.user_properties += [("host", host), ("promise", promise)]

    def pytest_runtest_logreport(self, report):
        """Count a passed check, keep the line of a broken one (a host that cannot be asked is one line)."""
        told = dict(report.user_properties)
        if report.when == "call" and report.passed:
            self.passed[told["host"]] += 1
        elif report.when == "call" and report.failed:
            self.broken[f"{told['host']}: {told['promise']}: {_found(report)}"] = None
        elif not report.passed:
            self.broken[f"{told['host']}: can be asked: {_found(report)}"] = None

    def pytest_collectreport(self, report):
        """A check that cannot even be read is a broken promise of this repository."""
        if report.failed:
            self.broken[f"{report.nodeid}: can be read: {_found(report)}"] = None

    def pytest_internalerror(self, excrepr):
        """Without pytest's terminal nothing else would show it."""
        print(excrepr)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session):
        """Print the lines. No check at all is a failure too: an empty group must not pass."""
        if not self.passed and not self.broken:
            self.broken["no host was checked"] = None
        if self.broken:
            print("\n".join(self.broken))
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        else:
            print("\n".join(f"{host}: {count} checks passed" for host, count in self.passed.items()))


def _found(report) -> str:
    """What the assertion says, without what pytest adds below it."""
    crash = getattr(report.longrepr, "reprcrash", None)
    message = crash.message if crash else str(report.longrepr)
    return message.splitlines()[0].removeprefix("AssertionError: ")
