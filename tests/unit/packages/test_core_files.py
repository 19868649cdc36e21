"""The copy of a part of the core: what one module needs, from folders and from the zip file that Ansible ships."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from linerate.errors import HostError
from linerate.packages.core_files import core_files

SOURCE = Path(__file__).parents[3] / "src/linerate"
REBUILD = "linerate.packages.netmap.rebuild"


def test_the_copy_contains_what_the_module_needs_and_not_all(tmp_path):
    files = core_files(REBUILD)
    assert "linerate/packages/netmap/rebuild.py" in files
    assert files["linerate/errors.py"] == (SOURCE / "errors.py").read_bytes()
    assert not any(
        name.startswith(("linerate/packages/tcpreplay", "linerate/report", "linerate/trial")) for name in files
    )
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import {REBUILD}; print(linerate.__file__)"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == str(tmp_path / "linerate/__init__.py"), done.stderr


def test_the_copy_does_not_depend_on_what_the_process_imported():
    code = "import json, sys; from linerate.packages.core_files import core_files\n"
    code += f"json.dump(sorted(core_files({REBUILD!r})), sys.stdout)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == sorted(core_files(REBUILD))


def test_the_copy_is_the_same_from_a_zip_file_under_another_name(tmp_path):
    """As Ansible ships the core: in a zip file, below ansible.module_utils."""
    archive = tmp_path / "payload.zip"
    with ZipFile(archive, "w") as payload:
        payload.writestr("ansible/__init__.py", "")
        payload.writestr("ansible/module_utils/__init__.py", "")
        for path in SOURCE.rglob("*.py"):
            payload.write(path, f"ansible/module_utils/linerate/{path.relative_to(SOURCE)}")
    code = f"import json, sys; sys.path.insert(0, {str(archive)!r})\n"
    code += "from ansible.module_utils.linerate.packages.netmap.boot import program_files\n"
    code += "json.dump({name: content.decode() for name, content in program_files().items()}, sys.stdout)"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    files = json.loads(done.stdout or "{}")
    assert files.pop("__main__.py").endswith("sys.exit(main(*sys.argv[1:]))\n"), done.stderr
    assert files == {name: content.decode() for name, content in core_files(REBUILD).items()}


def test_a_missing_module_is_named():
    with pytest.raises(HostError, match=r"module 'linerate\.nowhere': cannot be found"):
        core_files("linerate.nowhere")
