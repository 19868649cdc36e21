"""The README.md of each role is generated, and says what argument_specs and defaults say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
ROLES = sorted(path.parents[1] for path in (REPOSITORY / "roles").glob("*/meta/argument_specs.yml"))
NOTES: dict[str, Any] = yaml.safe_load((REPOSITORY / "tools/role_readmes.yml").read_text(encoding="utf-8"))

WITH_EXAMPLE = [role for role in ROLES if "example" in NOTES.get(role.name, {})]


def options(role: Path) -> dict[str, Any]:
    """All variables of a role, of every entry point."""
    specs = yaml.safe_load((role / "meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    return {name: option for spec in specs.values() for name, option in spec.get("options", {}).items()}


def test_the_readmes_are_up_to_date() -> None:
    command = [sys.executable, str(REPOSITORY / "tools/role_readmes.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_readme_has_every_variable_and_every_consent(role: Path) -> None:
    text = (role / "README.md").read_text(encoding="utf-8")
    assert [name for name in options(role) if f"| `{name}` |" not in text] == []
    consent = text.partition("## Consent")[2].partition("\n## ")[0]
    assert [name for name in options(role) if name.endswith("_ok") and f"- `{name}`:" not in consent] == []


@pytest.mark.parametrize("role", WITH_EXAMPLE, ids=lambda role: role.name)
def test_an_example_uses_the_role_and_its_variables(role: Path) -> None:
    (play,) = yaml.safe_load(NOTES[role.name]["example"])
    (used,) = play["roles"]
    assert used["role"] == role.name
    assert set(used.get("vars", {})) <= set(options(role))


def test_the_examples_are_valid_plays(tmp_path: Path) -> None:
    plays = [play for role in WITH_EXAMPLE for play in yaml.safe_load(NOTES[role.name]["example"])]
    playbook = tmp_path / "examples.yml"
    playbook.write_text(yaml.safe_dump(plays), encoding="utf-8")
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "--syntax-check", str(playbook)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert done.returncode == 0, done.stderr
