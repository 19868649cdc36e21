"""The documents name only files, make targets, playbooks and variables that exist, and keep their length."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
DOCUMENTS = [*sorted(REPOSITORY.glob("*.md")), *sorted((REPOSITORY / "docs").glob("*.md"))]
MOST_LINES, MOST_CHARACTERS = 200, 120
MOST_PICTURE_BYTES = 400_000
TARGETS = set(re.findall(r"^([a-z./-]+(?: [a-z-]+)*):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.M))
VARIABLES = {
    name
    for path in [*REPOSITORY.glob("roles/*/meta/argument_specs.yml"), *REPOSITORY.glob("inventory/*/group_vars/*.yml")]
    for name in re.findall(r"^ *([a-z][a-z_]+):", path.read_text(encoding="utf-8"), re.M)
}
PREFIXES = tuple(f"{path.name}_" for path in (REPOSITORY / "roles").iterdir())


@pytest.fixture(params=DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def document(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_links_lead_to_files(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_paths_in_the_repository_exist(document: Path) -> None:
    named = re.findall(
        r"(?<![\w/<])((?:playbooks|inventory|scenarios|schemas|src|tests|tools|roles|\.ci)/[\w./*-]+)",
        document.read_text(encoding="utf-8"),
    )
    paths = {path.rstrip("./") for path in named} - {"inventory/my-bench"}
    assert [path for path in sorted(paths) if not list(REPOSITORY.glob(path))] == []


def test_make_targets_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^|`)make ([a-z][a-z-]*)", text, re.M))
    known = {target for rule in TARGETS for target in rule.split()}
    assert named - known == set()


def test_role_variables_exist(document: Path) -> None:
    named = re.findall(r"`([a-z][a-z_]+)(?:: [^`]*)?`", document.read_text(encoding="utf-8"))
    variables = {name for name in named if name.startswith(PREFIXES)}
    assert variables - VARIABLES == set()


def test_lines_and_the_readme_are_short(document: Path) -> None:
    lines = document.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line) > MOST_CHARACTERS] == []
    assert document.name != "README.md" or len(lines) <= MOST_LINES


def test_pictures_are_small_and_take_nothing_from_elsewhere() -> None:
    pictures = sorted((REPOSITORY / "docs" / "images").iterdir())
    assert [picture.name for picture in pictures if picture.stat().st_size > MOST_PICTURE_BYTES] == []
    drawings = [picture.read_text(encoding="utf-8") for picture in pictures if picture.suffix == ".svg"]
    assert [text for text in drawings if re.search(r"url\((?!#)|@import|href=|<script", text)] == []
