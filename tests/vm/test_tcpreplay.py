"""tcpreplay with netmap, built on the controller and installed in a guest that has netmap.

Where tcpreplay's real source is not available, the stand-in for it is built against the stand-in for netmap, and the
distribution's tcpreplay, which the other tests use, is installed again afterwards.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.standin.tcpreplay_archive import standin_tcpreplay

ROLE = """
- name: Install tcpreplay
  hosts: senders
  gather_facts: false
  roles:
    - role: tcpreplay
"""
WIPE = """
- name: Remove tcpreplay
  hosts: senders
  gather_facts: false
  tasks:
    - name: Remove the installation, the link and the packages
      ansible.builtin.file:
        path: "{{ item }}"
        state: absent
      loop: [/opt/linerate/tcpreplay, /usr/local/bin/tcpreplay, /var/lib/linerate/packages]
"""


@pytest.fixture
def wanted(guests, site, netmap_source, tmp_path):
    """The variables for tcpreplay from source: those of the main job where it builds tcpreplay, too."""
    if not list(netmap_source.artifacts.glob(f"netmap-{netmap_source.commit[:12]}-*")):
        netmap = guests("playbooks/netmap.yml", **netmap_source.variables)
        assert netmap.rc == 0, netmap.stdout
    if site.get("tcpreplay_install_method") != "package":
        yield site
        return
    artifacts = netmap_source.artifacts
    path, sha256 = standin_tcpreplay(artifacts)
    yield {
        **netmap_source.variables,
        "tcpreplay_source_url": f"http://example.invalid/{path.name}",
        "tcpreplay_source_checksum": sha256,
        "tcpreplay_artifacts": str(artifacts),
        "tcpreplay_build_host": "localhost",
    }
    playbook = tmp_path / "own.yml"
    playbook.write_text(ROLE)
    own = guests(str(playbook), **site)
    assert own.rc == 0, own.stdout


def test_removed_tcpreplay_is_installed_again_without_a_build(guests, wanted, tmp_path):
    role, wipe = tmp_path / "role.yml", tmp_path / "wipe.yml"
    role.write_text(ROLE)
    wipe.write_text(WIPE)
    installed = guests(str(role), **wanted)
    assert installed.rc == 0, installed.stdout
    (package,) = Path(wanted["tcpreplay_artifacts"]).glob("tcpreplay-4.4.2-debian-*")
    built = package.stat().st_mtime_ns

    assert guests(str(wipe)).rc == 0
    broken = guests("playbooks/verify.yml", **wanted)
    assert "tcpreplay is the one that was built: /usr/local/bin/tcpreplay leads to nothing" in broken.stdout
    again = guests(str(role), **wanted)
    assert again.rc == 0, again.stdout
    assert package.stat().st_mtime_ns == built
    verified = guests("playbooks/verify.yml", **wanted)
    assert verified.rc == 0, verified.stdout
    same = guests(str(role), **wanted)
    assert (same.rc, same.changed_tasks) == (0, 0), same.stdout
