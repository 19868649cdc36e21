"""Defaults have one source: what documentation and roles state about a default is what the code uses."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MODULES = sorted(path.stem for path in (ROOT / "library").glob("*.py"))
ROLES = sorted(path.parents[1] for path in (ROOT / "roles").glob("*/meta/argument_specs.yml"))
FEEDS = re.compile(r"\{\{ (\w+) \| default\(omit\) \}\}")
READ = """
import importlib.util, json, sys
import ansible.module_utils, ansible.module_utils.basic

class Captured(Exception):
    pass

class Module:
    def __init__(self, argument_spec, **others):
        raise Captured(argument_spec)

ansible.module_utils.basic.AnsibleModule = Module
ansible.module_utils.__path__.append(sys.argv[1])
found = {}
for path in sys.argv[2:]:
    spec = importlib.util.spec_from_file_location("module", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    try:
        module.main()
    except Captured as captured:
        found[path] = captured.args[0]
print(json.dumps(list(found.values())))
"""
"""Prints what each module passes to AnsibleModule; a process of its own, as it patches that."""
NONE = {"type": "str", "default": None, "required": False, "choices": None, "elements": None}
"""What Ansible takes for what is not stated."""


@pytest.fixture(scope="module")
def modules() -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """By module, its argument spec and its documentation, as `ansible-doc` resolves it."""
    paths = [str(ROOT / "library" / f"{name}.py") for name in MODULES]
    specs = printed([sys.executable, "-c", READ, str(ROOT / "src"), *paths])
    ansible_doc = str(Path(sys.executable).with_name("ansible-doc"))
    documented = printed([ansible_doc, "--type", "module", "--json", *MODULES])
    return {name: (spec, documented[name]["doc"]) for name, spec in zip(MODULES, specs, strict=True)}


def printed(command: list[str]) -> Any:
    """The JSON that a command prints, in the repository and with its ansible.cfg."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def stated(options: Mapping[str, Any] | None, nested: str, path: str = "") -> dict[str, dict[str, Any]]:
    """By path, what is stated of each option; those of an option stand in its key ``nested``."""
    found = {}
    for name, option in (options or {}).items():
        found[f"{path}{name}"] = {key: option.get(key, NONE[key]) for key in NONE}
        found |= stated(option.get(nested), nested, f"{path}{name}.")
    return found


@pytest.mark.parametrize("name", MODULES)
def test_the_documentation_of_a_module_states_what_its_argument_spec_does(modules, name):
    spec, documented = modules[name]
    assert stated(documented.get("options"), "suboptions") == stated(spec, "options")


@pytest.mark.parametrize("name", MODULES)
def test_the_documentation_of_a_module_is_complete(modules, name):
    documented = modules[name][1]
    assert documented["attributes"]["check_mode"]["support"] == "full"
    assert all(option["description"] for option in documented.get("options", {}).values())


def test_every_documentation_fragment_is_used_by_several_modules():
    texts = [(ROOT / "library" / f"{name}.py").read_text(encoding="utf-8") for name in MODULES]
    fragments = (ROOT / "plugins/doc_fragments/linerate.py").read_text(encoding="utf-8")
    for fragment in re.findall(r"^    ([A-Z_]+) = r", fragments, re.MULTILINE):
        used = re.compile(rf"extends_documentation_fragment: .*\blinerate\.{fragment.lower()}\b")
        assert sum(bool(used.search(text)) for text in texts) > 1, fragment


def tasks(found: Any) -> Iterator[dict[str, Any]]:
    """All tasks, those of blocks among them."""
    for task in found if isinstance(found, list) else []:
        yield task
        for block in ("block", "rescue", "always"):
            yield from tasks(task.get(block))


def fed(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """The variables that feed options of a module where they are set, each with the path of the option."""
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield from fed(one, f"{path}.{name}" if path else name)
    elif isinstance(value, str) and FEEDS.fullmatch(value):
        yield FEEDS.fullmatch(value)[1], path


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None


def feeds(role: Path) -> dict[str, list[tuple[str, str]]]:
    """By variable, the options of own modules that it feeds, as (module, path)."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path in (role / "tasks").glob("*.yml"):
        for task in tasks(read(path)):
            for module in task.keys() & set(MODULES):
                for variable, option in fed(task[module]):
                    found.setdefault(variable, []).append((module, option))
    return found


def options(role: Path) -> dict[str, dict[str, Any]]:
    specs = read(role / "meta/argument_specs.yml")["argument_specs"]
    return {name: option for spec in specs.values() for name, option in (spec.get("options") or {}).items()}


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_default_that_a_role_states_is_that_of_its_defaults_or_of_the_option_it_feeds(modules, role):
    defaults = read(role / "defaults/main.yml") or {}
    fed_options = feeds(role)
    for name, option in options(role).items():
        if "default" not in option:
            continue
        if name in defaults:
            assert option["default"] == defaults[name], name
            continue
        sources = {where: stated(modules[where[0]][0], "options")[where[1]] for where in fed_options.get(name, [])}
        assert sources, f"{name} has no default in defaults/main.yml, and no option of a module has it"
        assert {where: source["default"] for where, source in sources.items()} == dict.fromkeys(
            sources, option["default"]
        ), name


def test_the_variables_whose_defaults_are_in_modules_are_named_in_the_defaults_of_the_role():
    text = (ROOT / "roles/benchmark/defaults/main.yml").read_text(encoding="utf-8")
    listed = set(re.findall(r"benchmark_\w+", text.partition("Further variables")[2]))
    role = ROOT / "roles/benchmark"
    assert listed == {
        name for name in feeds(role) if name not in read(role / "defaults/main.yml") and name in options(role)
    }
