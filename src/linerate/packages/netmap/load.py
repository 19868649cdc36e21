"""Load the installed netmap with its parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ...errors import HostError, InputError
from ...netmap.module import is_current, read_parameters
from ...netmap.users import holding_drivers, holding_processes
from ...system.run import Completed, Runner, checked

SECURE_BOOT_HINT = (
    "Secure Boot requires modules that an enrolled key has signed: set netmap_signing_key and "
    "netmap_signing_certificate, enrol the certificate by `mokutil --import CERTIFICATE`, and reboot; or turn "
    "Secure Boot off in the firmware's setup."
)


def load(
    parameters: Mapping[str, str], run: Runner, check: bool = False, root: str = "/", leaving: Sequence[str] = ()
) -> tuple[str, ...]:
    """Load the installed netmap with these parameters; the steps that were needed.

    Another build that is loaded is unloaded first; the drivers ``leaving`` are unloaded by then. Parameters of a
    loaded module are set in place. Raises ``HostError`` when something uses the module that has to be unloaded, and
    when the kernel rejects the module or a parameter.
    """
    refuse_unknown(parameters, run)
    steps: list[str] = []
    loaded = Path(root, "sys/module/netmap").exists()
    if loaded and not is_current(run, root):
        refuse_users_of_other_build(root, but=leaving)
        steps.append("modprobe -r netmap")
        loaded = False
    if not loaded:
        steps.append(" ".join(["modprobe", "netmap", *(f"{name}={value}" for name, value in parameters.items())]))
    if not check:
        for step in steps:
            check_success(run(step.split()))
    if loaded:
        for name, value in parameters.items():
            if read_parameters(root).get(name) != value:
                steps.append(f"write /sys/module/netmap/parameters/{name}: {value}")
                if not check:
                    _set(name, value, root)
    if steps and not check:
        _check_parameters(parameters, root)
    return tuple(steps)


def refuse_unknown(parameters: Mapping[str, str], run: Runner) -> None:
    """InputError when the installed netmap lacks one of ``parameters``: the kernel would ignore it silently."""
    # `modinfo -p` prints a line `name:description (type)` for each; nothing when netmap is not installed yet.
    known = [line.partition(":")[0] for line in run(["modinfo", "-p", "netmap"]).stdout.splitlines()]
    for name in parameters:
        if known and name not in known:
            hint = f"Use one of {', '.join(sorted(known))}."
            raise InputError("netmap_module_options", name, "is not a parameter of the installed netmap", hint)


def refuse_users_of_other_build(root: str, but: Sequence[str] = ()) -> None:
    """``HostError`` when a process, or a driver other than ``but``, uses the loaded netmap, which is another build."""
    processes = holding_processes(root)
    drivers = tuple(driver for driver in holding_drivers(root) if driver not in but)
    users = [*(f"process {name}" for name in processes), *(f"driver {name}" for name in drivers)]
    count = Path(root, "sys/module/netmap/refcnt")
    if not users and not but and count.exists() and count.read_text(encoding="ascii").strip() != "0":
        users = [f"an unknown user (reference count {count.read_text(encoding='ascii').strip()})"]
    if users:
        rule = f"is loaded from another build, in use by {', '.join(users)}"
        hint = "End the process, and run again." if processes else "Run playbooks/restore.yml first, or reboot."
        raise HostError("netmap", None, rule, hint)


def check_success(done: Completed) -> None:
    """``HostError`` when a command failed; with a hint when Secure Boot is the cause."""
    if "Key was rejected" in done.stderr or "Required key not available" in done.stderr:
        checked(done, SECURE_BOOT_HINT)
    checked(done)


def _set(name: str, value: str, root: str) -> None:
    path = Path(root, "sys/module/netmap/parameters", name)
    try:
        path.write_text(value, encoding="ascii")
    except OSError as error:
        hint = "Use a parameter that `modinfo -p netmap` lists, and a value that it allows."
        raise HostError("netmap parameter", name, f"cannot be set to {value}: {error.strerror}", hint) from error


def _check_parameters(parameters: Mapping[str, str], root: str) -> None:
    found = read_parameters(root)
    for name, value in parameters.items():
        if found.get(name) != value:
            hint = "Use a parameter that `modinfo -p netmap` lists, and a value as the kernel writes it (Y, not 1)."
            raise HostError("netmap parameter", name, f"is {found.get(name)}, not {value}, after loading", hint)
