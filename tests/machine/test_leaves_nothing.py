"""What piuparts asks: install, upgrade, remove and purge on a Debian that has all we depend on leave it as it was, but for what is the family's.

The file system is compared as a whole, before and after. Kept on purpose, and said so: /var/lib/barbossa, the database, the user.
"""

import re

import pytest

import package as packaging
import up
from conftest import name_of_machine
from machine import Machine

# What lives its own life on a running Debian, whoever is installed.
LIVELY = re.compile(
    r"^/(proc|sys|dev|run|tmp|srv|root)(/|$)|^/var/(log|tmp|cache|backups)(/|$)|^/var/lib/(apt|dpkg|systemd|postgresql|redis|private|dbus|nginx|ucf)(/|$)"
    r"|^/etc/(ld\.so\.cache|machine-id|resolv\.conf|mtab|\.updated|apt/.*)$|^/var/\.updated$"
    r"|^/usr/lib/udev/hwdb\.bin$|^/usr/share/(man|info)/.*|^/usr/lib/x86_64-linux-gnu/perl/.*"
)
# The user stays, since it owns the family's files, and with it what the machine knows of it.
OF_THE_USER = re.compile(r"^/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$")
KEPT = re.compile(r"^/var/lib/barbossa(/|$)")


def things_in(machine: Machine) -> dict:
    """By path: kind, rights, owner, size or target; and of settings their content."""
    said = machine.sh("find / -xdev -printf '%p\\t%y %m %u:%g %l' \\( -type f -printf ' %s\\n' -o -printf '\\n' \\) 2>/dev/null || true")
    found = dict(line.split("\t", 1) for line in said.splitlines() if "\t" in line)
    sums = machine.sh("find /etc -xdev -type f -exec sha256sum {} +")
    for line in sums.splitlines():
        checksum, path = line.split("  ", 1)
        found[path] = f"{found.get(path)} {checksum}"
    return {path: what for path, what in found.items() if not LIVELY.match(path)}


def differences(before: dict, after: dict) -> dict:
    return {path: (before.get(path), after.get(path)) for path in sorted(before.keys() | after.keys()) if before.get(path) != after.get(path)}


@pytest.fixture(scope="module")
def machine(deb):
    """A Debian with all that Barbossa depends on, and without it."""
    with Machine.fresh(name_of_machine("leaves-nothing"), up.neighbours(deb)) as machine:
        machine.publish(deb)
        # Once: what a first start of anything leaves is not ours.
        machine.apt("install", "barbossa")
        machine.apt("purge", "barbossa")
        machine.sh("rm -rf /var/lib/barbossa; systemctl restart nginx")
        yield machine


@pytest.fixture(scope="module")
def bare(machine) -> dict:
    return things_in(machine)


def without_what_is_kept(changed: dict) -> dict:
    return {path: how for path, how in changed.items() if not OF_THE_USER.match(path) and not KEPT.match(path)}


def test_install_and_purge_leave_the_machine_as_it_was(machine, bare):
    machine.apt("install", "barbossa")
    machine.run("systemctl", "start", "barbossa-backup.service")
    machine.apt("purge", "barbossa")
    changed = differences(bare, things_in(machine))
    assert without_what_is_kept(changed) == {}
    assert {path for path in changed if KEPT.match(path)} > {"/var/lib/barbossa", "/var/lib/barbossa/music", "/var/lib/barbossa/backups"}


def test_an_upgrade_in_between_leaves_nothing_more(machine, bare, deb, tmp_path):
    machine.apt("install", "barbossa")
    machine.publish(packaging.variant(deb, "9.0.0", tmp_path))
    machine.apt("install", "barbossa")
    machine.apt("remove", "barbossa")
    after_remove = without_what_is_kept(differences(bare, things_in(machine)))
    # The settings stay until the purge, and nothing else; not one link that leads nowhere.
    known = re.compile(r"^/etc/(barbossa|nginx/(sites-available|snippets)/barbossa|systemd/system/(.*barbossa|[a-z.-]+\.wants$))|^/usr/lib/systemd/system$|^/var/lib/barbossa-redis")
    assert {path: how for path, how in after_remove.items() if not known.match(path)} == {}
    machine.apt("purge", "barbossa")
    assert without_what_is_kept(differences(bare, things_in(machine))) == {}
    machine.publish(deb)


def test_where_no_service_may_be_started_the_installation_succeeds_and_starts_none(machine, bare):
    """As in the making of an image: policy-rc.d says no."""
    machine.put_text("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
    try:
        machine.apt("install", "barbossa")
        assert machine.sh("systemctl list-units --plain --no-legend --state=active 'barbossa*.service' 'barbossa*.socket'") == ""
        machine.sh("systemctl is-enabled barbossa.target barbossa-api.socket barbossa-worker.service")
        machine.apt("purge", "barbossa")
    finally:
        machine.sh("rm /usr/sbin/policy-rc.d")
    assert without_what_is_kept(differences(bare, things_in(machine))) == {}
