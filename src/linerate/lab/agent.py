"""The SNMP agent of the lab's device: net-snmp's snmpd in the device's namespace, queried at a loopback address.

Its socket is opened here, outside the namespace, and handed over as systemd does it (sd_listen_fds(3)). So the agent
counts the device's interfaces, and the controller reaches it without another interface on this machine.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from ..errors import HostError
from ..system.files import make_folder, write_whole

COMMUNITY, USER = "linerate-lab", "linerate"
AUTH_PASSWORD, PRIV_PASSWORD = "linerate-lab-auth", "linerate-lab-priv"
"""They protect counters of the lab that every user of this machine can read otherwise, so they are no secrets."""
CONFIGURATION = f"""\
rocommunity {COMMUNITY}
rocommunity6 {COMMUNITY}
createUser {USER} SHA-256 {AUTH_PASSWORD} AES {PRIV_PASSWORD}
rouser {USER} priv
"""
PORT = 1161
PASSED_SOCKET = 3
"""The descriptor of the first socket that is handed over (SD_LISTEN_FDS_START)."""
READY = "NET-SNMP version"
"""The line that snmpd logs when it is ready."""
START_SECONDS, STOP_SECONDS, POLL_SECONDS = 30.0, 10.0, 0.05


@dataclass(frozen=True)
class SnmpAgent:
    """The agent of ``namespace`` at ``address`` and UDP ``port``; its files are in ``folder``."""

    namespace: str
    address: str
    port: int
    folder: Path

    @property
    def step(self) -> str:
        """What starting it does, in words."""
        return f"start snmpd in {self.namespace} at {self.address} port {self.port}"

    def runs(self) -> bool:
        """Whether it runs as it should."""
        pid = self._pid()
        if pid is None:
            return False
        # The namespace may have been created again under the same name since.
        with contextlib.suppress(OSError):
            entered = os.stat(f"/proc/{pid}/ns/net").st_ino == os.stat(f"/run/netns/{self.namespace}").st_ino
            return entered and self._listening.encode() in _command_line(pid)
        return False

    def start(self) -> None:
        """Start it, and wait until it answers. HostError where it is not installed or its port is in use."""
        self.stop()
        program = shutil.which("snmpd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        if program is None:
            raise HostError("program", "snmpd", "is not on this host", "Install snmpd (Debian) or net-snmp (EL).")
        make_folder(self.folder)
        write_whole(self._configuration, CONFIGURATION.encode())
        log = self.folder / "snmpd.log"
        log.unlink(missing_ok=True)
        options = ["-f", "-C", "-c", str(self._configuration), "-Lf", str(log), self._listening]
        with self._socket() as passed:
            pid = _spawn(["ip", "netns", "exec", self.namespace, program, *options], passed, self.folder)
        write_whole(self._pid_file, f"{pid}\n".encode())
        self._wait(pid, log)

    def stop(self) -> None:
        """End it, if it runs, and remove its files."""
        pid = self._pid()
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            _wait_for_end(pid)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _wait(self, pid: int, log: Path) -> None:
        end = time.monotonic() + START_SECONDS
        while not (log.exists() and READY in log.read_text(encoding="utf-8", errors="replace")):
            if os.waitpid(pid, os.WNOHANG)[0] == pid or time.monotonic() > end:
                text = log.read_text(encoding="utf-8", errors="replace").strip() if log.exists() else ""
                last = (text.splitlines() or ["it logged nothing"])[-1]
                self.stop()
                raise HostError("snmpd", self.namespace, f"did not start: {last}", "Run it by hand to find the cause.")
            time.sleep(POLL_SECONDS)

    def _socket(self) -> socket.socket:
        opened = socket.socket(socket.AF_INET6 if ":" in self.address else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            opened.bind((self.address, self.port))
        except OSError as error:
            opened.close()
            rule = f"cannot be used for the lab's SNMP agent ({error.strerror})"
            raise HostError("UDP port", self.port, rule, "Set lab_snmp_port to a free port.") from error
        return opened

    @property
    def _listening(self) -> str:
        return f"udp6:[{self.address}]:{self.port}" if ":" in self.address else f"udp:{self.address}:{self.port}"

    @property
    def _configuration(self) -> Path:
        return self.folder / "agent.conf"

    @property
    def _pid_file(self) -> Path:
        return self.folder / "snmpd.pid"

    def _pid(self) -> int | None:
        """The process that :meth:`start` started, None where it has ended."""
        try:
            pid = int(self._pid_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return pid if str(self._configuration).encode() in _command_line(pid) else None


def _spawn(argv: list[str], passed: socket.socket, folder: Path) -> int:
    """Start ``argv`` in a session of its own with the socket ``passed``; its process."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        os.dup2(passed.fileno(), PASSED_SOCKET)
        os.set_inheritable(PASSED_SOCKET, True)
        null = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(null, standard)
        own = {
            "LISTEN_FDS": "1",
            "LISTEN_PID": str(os.getpid()),
            "MIBS": "",
            "SNMP_PERSISTENT_DIR": str(folder / "state"),
        }
        # An argv list, no shell; run() would wait for its end.
        os.execvpe(argv[0], argv, {**os.environ, **own})  # noqa: S606
    finally:
        os._exit(127)


def _command_line(pid: int) -> bytes:
    """The command of a process, empty where it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _wait_for_end(pid: int) -> None:
    end = time.monotonic() + STOP_SECONDS
    while _command_line(pid) and time.monotonic() < end:
        time.sleep(POLL_SECONDS)
    if _command_line(pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
