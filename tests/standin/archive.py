"""The stand-in for netmap's source as an archive for the role, made by git; the commit depends on the content alone."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

NETMAP = Path(__file__).parent / "netmap"

_IDENTITY = {
    **{f"GIT_{who}_NAME": "linerate" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "linerate@example.invalid" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_DATE": "2000-01-01T00:00:00+0000" for who in ("AUTHOR", "COMMITTER")},
    # Independent of the user's settings.
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}


def standin_netmap(folder: Path) -> str:
    """Write the archive into ``folder``, with the name that role netmap expects; its commit."""
    with tempfile.TemporaryDirectory() as git_dir:
        environment = {**os.environ, **_IDENTITY, "GIT_DIR": git_dir, "GIT_WORK_TREE": str(NETMAP)}

        def git(*arguments: str) -> str:
            done = subprocess.run(["git", *arguments], env=environment, check=True, capture_output=True, text=True)
            return done.stdout.strip()

        git("init", "--quiet")
        git("add", "--all")
        git("commit", "--quiet", "--message", "A stand-in for netmap")
        commit = git("rev-parse", "HEAD")
        git("archive", "--prefix=netmap/", f"--output={folder / f'netmap-{commit}.tar.gz'}", commit)
    return commit
