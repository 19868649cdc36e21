"""How ansible-playbook was called: its inventory, options and configuration."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..errors import InputError


@dataclass(frozen=True)
class Invocation:
    """One call of ansible-playbook.

    ``groups`` are the hosts of the inventory by group. ``required`` are the groups of which the playbook needs a host,
    the first one also under a limit. ``limit`` is --limit, None without it, and ``limited`` are the hosts that it
    leaves. ``raw`` is an argument of -e that assigns nothing, ``config`` the configuration file in use, and ``project``
    the folder of linerate.
    """

    project: str
    config: str | None
    sources: Sequence[str]
    groups: Mapping[str, Sequence[str]]
    required: Sequence[str]
    limited: frozenset[str]
    limit: str | None = None
    raw: str | None = None
    tags: Sequence[str] = ()
    no_log: bool = False

    def problems(self) -> Iterator[InputError]:
        """What keeps this call from doing what it is for."""
        yield from self._check_configuration()
        if self.raw is not None:
            yield self._not_an_assignment(self.raw)
        if [tag for tag in self.tags if tag != "all"]:
            hint = "Leave it out, or run one of the playbooks in playbooks/."
            yield InputError("--tags", ", ".join(self.tags), "selects nothing: linerate has no tags", hint)
        missing = [group for group in self.required if not self.groups.get(group)]
        if missing:
            yield self._no_host(missing)
        elif self.required and self.limit is not None and not self.limited & set(self.groups[self.required[0]]):
            group = self.required[0]
            rule = f"leaves no host of the group {group}, so nothing would be done"
            yield InputError("--limit", self.limit, rule, f"Add one of {', '.join(self.groups[group])}.")

    def _check_configuration(self) -> Iterator[InputError]:
        if self.no_log:
            rule = "is set, so that Ansible would show neither errors nor results"
            yield InputError("ANSIBLE_NO_LOG", None, rule, "Unset it; credentials are hidden without it.")
        if self.config is None and os.stat(self.project).st_mode & 0o002:
            rule = "is world-writable, so that Ansible ignores its ansible.cfg"
            yield InputError("folder", self.project, rule, f"Run chmod o-w {self.project}.")

    def _not_an_assignment(self, raw: str) -> InputError:
        hint = f"Write -e @{raw}." if os.path.exists(raw) else "Write -e NAME=VALUE, or -e @FILE."
        return InputError("-e", raw, "is not NAME=VALUE", hint)

    def _no_host(self, missing: Sequence[str]) -> InputError:
        subject = f"inventory {', '.join(self.sources) or '(none)'}"
        ours = ", ".join(sorted(self.groups.keys() - {"all", "ungrouped"})) or "none"
        rule = f"has no host in the group {' and in the group '.join(missing)} (its groups: {ours})"
        hint = "Name the groups as inventory/rocky9-10g does, or choose an inventory with -i: inventory/lab is the lab."
        if self.config != f"{self.project}/ansible.cfg":
            hint = f"Run it in {self.project}, whose ansible.cfg names the lab, or choose an inventory with -i."
        return InputError(subject, None, rule, hint)
