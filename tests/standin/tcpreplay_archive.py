"""The stand-in for tcpreplay's source as the archive that the role takes; its content alone decides its checksum."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

TCPREPLAY = Path(__file__).parent / "tcpreplay"


def standin_tcpreplay(folder: Path, version: str = "4.4.2") -> tuple[Path, str]:
    """Put the stand-in's archive into ``folder`` under a release's name; its path and sha256."""
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
