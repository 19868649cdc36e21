"""A real snmpd in a namespace, and queries of it by linerate's SNMP client."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMUNITY = "test-community"


@dataclass(frozen=True)
class Answer:
    """The result of a query, or the message of its error."""

    result: Any
    error: str


@contextmanager
def snmpd(namespace: str, listening: str, configuration: str, folder: Path) -> Iterator[None]:
    """snmpd in ``namespace`` at the address ``listening``, with its files in ``folder``."""
    file = folder / "snmpd.conf"
    file.write_text(configuration)
    file.chmod(0o600)
    argv = ["ip", "netns", "exec", namespace, "snmpd", "-f", "-C", "-c", str(file), "-Le", listening]
    environment = {**os.environ, "MIBS": "", "SNMP_PERSISTENT_DIR": str(folder / "persistent")}
    with (folder / "snmpd.log").open("w") as log:
        process = subprocess.Popen(argv, env=environment, stderr=log)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def query(namespace: str, code: str, **target: Any) -> Answer:
    """Evaluate ``code``, an expression with ``agent``, in ``namespace`` for the agent at ``target``."""
    program = f"""
import json, sys
from linerate.controller.if_mib import *
from linerate.controller.snmp import *
from linerate.errors import LinerateError
try:
    with Agent(Target(**json.loads(sys.argv[1]))) as agent:
        print(json.dumps({code}))
except LinerateError as error:
    sys.exit(str(error))
"""
    argv = ["ip", "netns", "exec", namespace, sys.executable, "-c", program, json.dumps(target)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return Answer(json.loads(done.stdout) if done.returncode == 0 else None, done.stderr)
