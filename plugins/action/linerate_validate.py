# Copyright: the linerate authors
# SPDX-License-Identifier: MIT
"""Validate the call of ansible-playbook and the variables of all hosts, before any host is touched."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible import constants
from ansible._internal._datatag._tags import Origin
from ansible.errors import AnsibleError, AnsibleUndefinedVariable
from ansible.plugins.action import ActionBase
from ansible.template import Templar

from linerate.controller.invocation import Invocation
from linerate.controller.sender_input import Bench, check_interface, check_sender, is_read
from linerate.controller.variables import Variables, misread
from linerate.errors import InputError

PROJECT = Path(__file__).resolve().parents[2]
SHARED = "linerate"
"""The prefix of variables that several roles use; the role validate states them."""

CHECKS = {"none": None, "interface": check_interface, "scenario": check_sender}
"""What is validated of each sender in addition to names and types."""


class ActionModule(ActionBase):
    """Fails with one line per mistake. Reads the inventory and the roles only, and connects to no host."""

    _supports_check_mode = True
    _VALID_ARGS = frozenset({"groups", "senders"})

    def run(self, tmp=None, task_vars=None):
        """What is wrong with the call, or else with the variables of each host."""
        super().run(tmp, task_vars)
        self._variables, self._defaults = read_roles(self._loader)
        problems = list(self._invocation(task_vars).problems()) or list(self._check_variables(task_vars))
        lines = list(dict.fromkeys(str(problem) for problem in problems))
        return {"changed": False, "failed": bool(lines), "msg": "\n".join(lines) or "The input is valid."}

    def _invocation(self, task_vars: Mapping[str, Any]) -> Invocation:
        return Invocation(
            project=str(PROJECT),
            config=constants.CONFIG_FILE,
            sources=task_vars.get("ansible_inventory_sources") or (),
            groups=task_vars["groups"],
            required=self._task.args.get("groups") or (),
            limited=frozenset(task_vars["ansible_play_hosts_all"]),
            limit=task_vars.get("ansible_limit"),
            raw=task_vars.get("_raw_params"),
            tags=task_vars.get("ansible_run_tags") or (),
            no_log=constants.DEFAULT_NO_LOG,
        )

    def _check_variables(self, task_vars: Mapping[str, Any]) -> Iterator[InputError]:
        """Wrong names; of each host wrong types; and of each sender whose types are right, wrong meanings."""
        hostvars = task_vars["hostvars"]
        local = hostvars.raw_get("localhost")
        # Variables of the play, such as those of an import_playbook.
        play = {name: task_vars[name] for name in self._variables.options.keys() & task_vars.keys() - local.keys()}
        hosts = {host: {**hostvars.raw_get(host), **play} for host in dict.fromkeys((*hostvars, "localhost"))}
        names = {name: value for raw in (task_vars, *hosts.values()) for name, value in raw.items()}
        for name, value in names.items():
            yield from (_placed(error, _place(value, name)) for error in self._variables.check_name(name))
        values, wrong = {}, set()
        for host, raw in hosts.items():
            known = _HostVariables(raw, self._defaults, hostvars, self._loader)
            values[host], found = known.read(self._variables)
            wrong |= {host} if found else set()
            yield from found
        check = CHECKS[self._task.args.get("senders") or "none"]
        if check is not None:
            bench = Bench({host: values[host].get("linerate_interface") or "" for host in hostvars})
            for host in _senders(task_vars):
                for error in check(host, values[host], bench) if host not in wrong else ():
                    variable = hosts[host].get(re.match(r"\w*", error.subject)[0])
                    yield _placed(error, _place(variable))


def _senders(task_vars: Mapping[str, Any]) -> list[str]:
    """The senders that the playbook runs on."""
    limited = task_vars.get("ansible_limit") is not None
    return [
        host
        for host in task_vars["groups"].get("senders", ())
        if not limited or host in task_vars["ansible_play_hosts_all"]
    ]


class _HostVariables:
    """The variables of one host, and the templating of them."""

    def __init__(self, raw: Mapping[str, Any], defaults: Mapping[str, Any], hostvars: Any, loader: Any) -> None:
        self._raw = raw
        self._defaults = defaults
        self._templar = Templar(loader=loader, variables={**defaults, **raw, "hostvars": hostvars})

    def read(self, variables: Variables) -> tuple[dict[str, Any], list[InputError]]:
        """The values in their types, by name, and what is wrong with those that the user set.

        A variable without a value is None. One that depends on what is not known yet, such as facts, is left out.
        """
        values, wrong = {}, []
        for name in variables.options:
            if name in self._raw:
                wrong += self._read(name, variables, values)
            elif is_read(name) and name in self._defaults:
                # A default may depend on variables that are wrong: those are reported.
                self._read(name, variables, values)
            else:
                values[name] = None
        return values, wrong

    def _read(self, name: str, variables: Variables, values: dict[str, Any]) -> list[InputError]:
        source = self._raw.get(name, self._defaults.get(name))
        place = _place(source)
        wrong = [_placed(error, place) for error in _misread(name, source)]
        try:
            value = _plain(self._templar.template(source))
        except AnsibleUndefinedVariable as error:
            missing = re.search(r"'(\w+)' is undefined", str(error))
            if missing and not variables.is_ours(missing[1]) and not missing[1].startswith("ansible_"):
                rule = f"uses the variable {missing[1]}, which is not defined"
                wrong.append(_placed(InputError(name, None, rule, f"Define {missing[1]}."), place))
            return wrong
        except AnsibleError:
            # A lookup that fails is reported by the task that needs it.
            return wrong
        values[name], found = variables.convert(name, value)
        return wrong or [_placed(error, place) for error in found]


def _misread(path: str, value: Any) -> Iterator[InputError]:
    """Numbers that YAML reads as others than those that were written, anywhere in ``value``."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _misread(f"{path}.{key}", one)
    elif isinstance(value, (list, tuple)):
        for at, one in enumerate(value):
            yield from _misread(f"{path}[{at}]", one)
    elif isinstance(value, (int, float)):
        yield from misread(path, value, _source(value))


def _source(value: Any) -> str:
    """The source of ``value``, from it to the end of its line; empty if that is not known."""
    origin = Origin.get_tag(value)
    if origin is None or not (origin.path and origin.line_num and origin.col_num):
        return ""
    lines = Path(origin.path).read_text(encoding="utf-8").splitlines()
    return lines[origin.line_num - 1][origin.col_num - 1 :]


def _place(value: Any, name: Any = None) -> str:
    """The file and line where ``value`` is set, else where ``name`` was first; -e for the command line."""
    # Null and booleans have no origin, and the origin of a name that is set twice is that of the value it overrides.
    origin = Origin.get_tag(value) or Origin.get_tag(name)
    if origin is None:
        return ""
    return f"{origin.path}:{origin.line_num}" if origin.path else "-e"


def _placed(error: InputError, place: str) -> InputError:
    return InputError(error.subject, error.value, error.rule, f"{error.hint} ({place})") if place else error


def _plain(value: Any) -> Any:
    """``value`` without Ansible's own types, all templates in it evaluated."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    for kind in (bool, int, float):
        if isinstance(value, kind):
            return kind(value)
    return value if value is None else str(value)


def read_roles(loader: Any) -> tuple[Variables, dict[str, Any]]:
    """The variables that the roles state, and the defaults of the roles, as templates."""
    options: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    roles = sorted(path.parents[1] for path in PROJECT.glob("roles/*/meta/argument_specs.yml"))
    for role in roles:
        specs = loader.load_from_file(str(role / "meta/argument_specs.yml"))["argument_specs"]
        for spec in specs.values():
            options |= spec.get("options") or {}
        file = role / "defaults/main.yml"
        if file.exists():
            defaults |= loader.load_from_file(str(file), trusted_as_template=True) or {}
    nullable = frozenset(name for name, value in defaults.items() if value is None)
    return Variables(options, frozenset({SHARED, *(role.name for role in roles)}), nullable), defaults
