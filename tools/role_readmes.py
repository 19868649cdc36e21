#!/usr/bin/env python3
"""Write the README.md of each role from its argument_specs, its defaults and tools/role_readmes.yml.

With --check nothing is written, and the exit status is 1 if a README is out of date.

Generators from PyPI do not fit: aar-doc and docsible take defaults from argument_specs alone, aar-doc does not escape
`|` in its tables, ansible-doctor reads its own markup. This needs Jinja2 and PyYAML only, which ansible-core brings.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import yaml

TOOLS = Path(__file__).resolve().parent
LONGEST_DEFAULT = 60  # characters; for a longer one the table links to defaults/main.yml


def rows(options: dict[str, Any], defaults: dict[str, Any], prefix: str = "") -> Iterator[dict[str, Any]]:
    """One row per variable and per key of a dictionary or of a list of dictionaries."""
    for name, option in options.items():
        kind = option.get("type", "str")
        choices = ", ".join(f"`{choice}`" for choice in option.get("choices", []))
        yield {
            "name": prefix + name,
            "consent": name.endswith("_ok"),
            "type": f"{kind} of {option['elements']}" if "elements" in option else kind,
            "default": cell(default(option, defaults.get(name, option.get("default")))),
            "meaning": cell(markup(option["description"]) + (f" One of {choices}." if choices else "")),
        }
        yield from rows(option.get("options", {}), {}, f"{prefix}{name}{'[]' if kind == 'list' else ''}.")


def default(option: dict[str, Any], value: Any) -> str:
    """A default as YAML; "required" or a dash for a variable without one."""
    if option.get("required") or value is None:
        return "required" if option.get("required") else "-"
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("...\n").strip()
    text = value.strip() if isinstance(value, str) and value else text
    return f"`{text}`" if len(text) <= LONGEST_DEFAULT else "see [defaults](defaults/main.yml)"


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def markup(text: str | list[str]) -> str:
    """Ansible's C(code), O(option) and V(value) as Markdown."""
    return re.sub(r"\b[COV]\(([^)]*)\)", r"`\1`", text if isinstance(text, str) else "\n\n".join(text))


def read(path: Path) -> dict[str, Any]:
    return (yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if path.exists() else {}


def readme(role: Path, notes: dict[str, Any]) -> str:
    """README.md of ``role``; ``notes`` has what the role ``changes`` and, but for internal roles, an ``example``."""
    defaults = read(role / "defaults/main.yml")
    specs = read(role / "meta/argument_specs.yml")["argument_specs"]
    # An internal role may have no main: then its description in meta/main.yml introduces it.
    about = {"short_description": read(role / "meta/main.yml").get("galaxy_info", {}).get("description", "")}
    entries = [
        {
            "name": name,
            "summary": markup(spec["short_description"]),
            "description": markup(spec.get("description", "")),
            "variables": list(rows(spec.get("options", {}), defaults)),
        }
        for name, spec in {"main": about, **specs}.items()
    ]
    # Markdown, not HTML: nothing is escaped.
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)  # noqa: S701
    template = environment.from_string((TOOLS / "role_readme.md.j2").read_text(encoding="utf-8"))
    return template.render(role=role.name, entries=entries, **{"example": "", **notes}).rstrip() + "\n"


def main(check: bool, roles: Path = TOOLS.parent / "roles") -> int:
    notes = yaml.safe_load((TOOLS / "role_readmes.yml").read_text(encoding="utf-8"))
    stale = 0
    for role in sorted(path.parents[1] for path in roles.glob("*/meta/argument_specs.yml")):
        if role.name not in notes:
            raise SystemExit(f"tools/role_readmes.yml has no entry for the role {role.name}. Add one.")
        target, text = role / "README.md", readme(role, notes[role.name])
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            stale += 1
            print(f"{target}: {'out of date, run make readmes' if check else 'written'}")
            if not check:
                target.write_text(text, encoding="utf-8")
    return int(check and stale > 0)


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
