"""playbooks/provision.yml on this machine."""

from __future__ import annotations

import shutil


def test_second_run_changes_nothing_and_needs_no_network(namespaces, play):
    first = play("playbooks/provision.yml")
    assert first.rc == 0, first.stdout
    assert shutil.which("tcpreplay")
    assert "sends by PF_PACKET send()" in first.stdout
    again = play("playbooks/provision.yml", before=("unshare", "--net"))
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout


def test_unknown_version_is_refused_before_anything_is_installed(play):
    refused = play("playbooks/provision.yml", tcpreplay_install_method="source", tcpreplay_version="4.6.0")
    assert refused.rc != 0
    assert "The archive of tcpreplay 4.6.0 is not known" in refused.failures[0]
    assert "Install the build tools" not in refused.stdout


def test_missing_tcpreplay_fails_the_play(play):
    failed = play("playbooks/provision.yml", tcpreplay_executable="/nowhere/tcpreplay")
    assert failed.rc != 0
    assert "/nowhere/tcpreplay does not exist on labhost after the installation." in failed.failures[0]


def test_distribution_family_without_package_names_is_refused(play, tmp_path):
    playbook = tmp_path / "other_family.yml"
    playbook.write_text(
        "- name: Packages of one family only\n  hosts: labhost\n  gather_facts: false\n  roles:\n    - role: packages\n"
    )
    family = "RedHat" if shutil.which("dpkg") else "Debian"
    refused = play(str(playbook), packages_names={family: ["tcpreplay"]})
    assert refused.rc != 0
    assert "Packages cannot be installed on the distribution family" in refused.failures[0]
    assert f"known for {family}" in refused.failures[0]
