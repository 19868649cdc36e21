"""The stand-in for tcpreplay's source as an archive for the role; its checksum depends on the content alone."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

TCPREPLAY = Path(__file__).parent / "tcpreplay"


def standin_tcpreplay(folder: Path, version: str = "4.4.2") -> tuple[Path, str]:
    """Write the archive into ``folder``, with the name of a release; its path and sha256."""
    path = folder / f"tcpreplay-{version}.tar.gz"
    contents = {file.name: file.read_bytes() for file in sorted(TCPREPLAY.iterdir())}
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for name, content in {**contents, "VERSION": f"{version}\n".encode()}.items():
            entry = tarfile.TarInfo(f"tcpreplay-{version}/{name}")
            entry.size, entry.mode = len(content), 0o755
            archive.addfile(entry, io.BytesIO(content))
    path.write_bytes(gzip.compress(raw.getvalue(), mtime=0))
    return path, hashlib.sha256(path.read_bytes()).hexdigest()
