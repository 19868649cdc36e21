"""The EXAMPLES of every module through the real ansible-playbook: no linter finds a misspelt option."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.integration.conftest import REPOSITORY

MODULES = sorted((REPOSITORY / "library").glob("*.py"))
# Variables that examples use, as another module returns them.
VARIABLES = {
    **{name: {} for name in ("planned_trial", "planned_proof", "replay_result", "receive_result", "witness")},
    "agent": {"refresh_seconds": 3},
    "interrupted": {"journals": []},
    **{f"vault_{name}": "secret" for name in ("community", "auth_password", "priv_password")},
}
# The second one is of an action plugin.
UNSUPPORTED = r"Unsupported parameters for .* module: no_such_option\. |Invalid options for \w+: no_such_option$"


def documentation(module: Path, name: str) -> Any:
    for node in ast.parse(module.read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == name:
            return yaml.safe_load(ast.literal_eval(node.value))
    raise AssertionError(f"{module.name} has no {name}")


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_documentation_names_the_module_and_what_it_returns(module):
    assert documentation(module, "DOCUMENTATION")["module"] == module.stem
    assert documentation(module, "RETURN")


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_examples_use_only_existing_options(module, play, tmp_path):
    """Each runs with one option that does not exist: the error must name that one only."""
    for task in documentation(module, "EXAMPLES"):
        assert module.stem in task
        task[module.stem] = {**(task[module.stem] or {}), "no_such_option": 1}
        playbook = tmp_path / "example.yml"
        playbook.write_text(
            yaml.safe_dump(
                [{"name": "Example", "hosts": "localhost", "gather_facts": False, "vars": VARIABLES, "tasks": [task]}]
            )
        )
        refused = play(str(playbook), "--check")
        assert refused.rc != 0
        assert len(refused.failures) == 1, refused.stdout
        assert re.search(UNSUPPORTED, refused.failures[0]), refused.failures[0]
