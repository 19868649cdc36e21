"""No code starts a shell, and everything that is downloaded is pinned by a checksum or a commit."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).parents[3]
CODE = [
    path for folder in ("src", "library", "plugins", "tools") for path in sorted((REPOSITORY / folder).rglob("*.py"))
]
TASKS = [path for folder in ("roles", "playbooks") for path in sorted((REPOSITORY / folder).rglob("*.yml"))]
SHELLS = {"shell", "raw", "script", "expect"}
FETCHERS = {"get_url", "git", "unarchive", "uri", "pip", "npm", "gem"}
SHELL_CALLS = {
    "os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "asyncio.create_subprocess_shell",
}  # fmt: skip


def calls(source: str) -> Iterator[tuple[str, ast.Call]]:
    """The dotted name and the node of every call."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def shell_calls(source: str) -> list[str]:
    """The calls in Python code that pass a string to a shell, with their lines."""
    found = []
    for name, call in calls(source):
        shell = [word for word in call.keywords if word.arg in ("shell", "use_unsafe_shell")]
        enabled = [word for word in shell if not (isinstance(word.value, ast.Constant) and word.value.value is False)]
        if name in SHELL_CALLS or enabled:
            found.append(f"line {call.lineno}: {ast.unparse(call)}")
    return found


def tasks(value: Any) -> Iterator[tuple[str, Any]]:
    """The name, without its collection, and the options of every module in a file of tasks or plays."""
    if isinstance(value, list):
        for item in value:
            yield from tasks(item)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield str(key).rpartition(".")[2], inner
            yield from tasks(inner)


def unpinned_downloads(text: str) -> list[str]:
    """The tasks that download without a sha256 or a commit."""
    found = []
    for module, options in tasks(yaml.safe_load(text)):
        if module not in FETCHERS or not isinstance(options, dict):
            continue
        pinned = {"get_url": "checksum", "git": "version"}.get(module)
        value = str(options.get(pinned, "")) if pinned else ""
        good = value.startswith("sha256:") if module == "get_url" else value.endswith("_commit }}")
        if not good:
            found.append(f"{module}: {options}")
    return found


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_no_code_starts_a_shell(path: Path) -> None:
    assert shell_calls(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", TASKS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_no_task_starts_a_shell_or_downloads_unpinned(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert [module for module, options in tasks(yaml.safe_load(text)) if module in SHELLS and options is not None] == []
    assert unpinned_downloads(text) == []


@pytest.mark.parametrize(
    "source",
    [
        "subprocess.run(line, shell=True)",
        "subprocess.Popen(line, shell=wanted)",
        "os.system('ls')",
        "os.popen(line)",
        "module.run_command(line, use_unsafe_shell=True)",
        "subprocess.getoutput(line)",
    ],
)
def test_a_shell_call_is_detected(source: str) -> None:
    assert len(shell_calls(source)) == 1


@pytest.mark.parametrize(
    "task",
    [
        "- ansible.builtin.get_url: {url: https://192.0.2.1/a, dest: /a}",
        "- get_url: {url: https://192.0.2.1/a, dest: /a, checksum: 'md5:0'}",
        "- block: [{ansible.builtin.git: {repo: a, dest: b, version: master}}]",
        "- hosts: all\n  tasks: [{ansible.builtin.unarchive: {src: https://192.0.2.1/a, remote_src: true}}]",
    ],
)
def test_an_unpinned_download_is_detected(task: str) -> None:
    assert len(unpinned_downloads(task)) == 1


def test_pins_are_full_commits_and_sha256() -> None:
    defaults = {
        name: value
        for path in sorted((REPOSITORY / "roles").glob("*/*/main.yml"))
        if path.parent.name in ("defaults", "vars")
        for name, value in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).items()
    }
    assert re.fullmatch(r"[0-9a-f]{40}", defaults["netmap_commit"])
    sums = [text for text in _texts(defaults) if re.fullmatch(r"[0-9a-f]{64}", text)]
    assert len(sums) >= 2
    sources = yaml.safe_load((REPOSITORY / "roles/sources/meta/argument_specs.yml").read_text(encoding="utf-8"))
    assert sources["argument_specs"]["main"]["options"]["sources_sha256"]["required"]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value


def test_locked_dependencies_have_versions_and_hashes() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (REPOSITORY / name).read_text(encoding="utf-8").replace("\\\n", " ")
        lines = [line for line in text.splitlines() if re.match(r"[A-Za-z0-9]", line)]
        assert lines
        assert [line for line in lines if "--hash=sha256:" not in line or "==" not in line] == []
