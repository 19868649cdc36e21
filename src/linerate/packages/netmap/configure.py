"""netmap's configure: its command line and its output."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...errors import InputError
from .recipe import Recipe

NOT_DOWNLOADED = "not downloaded: "
"""What the replacement of a download program prints, before its arguments."""


def configure_argv(
    recipe: Recipe, configure: str, kernel_folder: str, stage: str, kernel_sources: str | None = None
) -> tuple[str, ...]:
    """The command line of netmap's ``configure``; `make install` then installs below the folder ``stage``.

    ``kernel_sources`` is the folder that holds the kernel's own drivers. Without applications: one of them is called
    ``bridge`` and would shadow that of iproute2.
    """
    argv = [
        configure,
        f"--kernel-dir={kernel_folder}",
        "--fail-on-driver-errors",
        "--no-apps",
        "--no-utils",
        f"--install-mod-path={stage}",
        f"--destdir={stage}",
    ]
    argv.append(_listed("--drivers", recipe.drivers) if recipe.drivers else "--no-drivers")
    if recipe.no_ext_drivers:
        argv.append(_listed("--no-ext-drivers", recipe.no_ext_drivers))
    if recipe.select_versions:
        pairs = (f"{driver}:{version}" for driver, version in recipe.select_versions.items())
        argv.append(_listed("--select-version", tuple(pairs)))
    if kernel_sources:
        argv.append(f"--kernel-sources={kernel_sources}")
    return tuple(argv)


def native_drivers(output: str) -> tuple[str, ...]:
    """The drivers that configure will build, according to its final report.

    Raises :class:`InputError` when the output contains no such report.
    """
    lines = [line.removeprefix("*** ") for line in output.splitlines()]
    found = [line for line in lines if line.startswith("native drivers ")]
    if not found:
        hint = "Read its whole output; netmap's configure may have changed."
        raise InputError("output of netmap's configure", None, "contains no line `native drivers`", hint)
    return tuple(found[-1].split()[2:])


def first_complaint(output: str) -> str:
    """The first warning or error in configure's output as one line, or its last lines when there is none."""
    boxed: list[str] = []
    inside = False
    for line in output.splitlines():
        if re.match(r"\*{20,}\s+(WARNING|ERROR)\s+\*{20,}", line):
            inside = True
        elif inside and line.startswith("*****"):
            break
        elif inside:
            boxed.append(line.lstrip("*").strip())
    words = boxed or [line.strip() for line in output.splitlines()[-3:]]
    return " ".join(word for word in words if word)


def not_downloaded(output: str) -> str | None:
    """The name of the first file that configure tried to download, according to its output."""
    match = re.search(rf"^{NOT_DOWNLOADED}.*?://\S*/(\S+)", output, re.MULTILINE)
    return match[1] if match else None


def _listed(option: str, values: Sequence[str]) -> str:
    return f"{option}={','.join(sorted(set(values)))}"
