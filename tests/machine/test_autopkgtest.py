"""The package's own tests (debian/tests), as their control file says: in a booted machine, as root, from the source tree."""

import pytest

from conftest import wait_until_healthy
from machine import MachineError
from package import CHECKOUT

SOURCE = "/srv/source"
REBOOT = """#!/bin/sh
# As autopkgtest has it: the test is killed, the machine starts again, and the test with it, told by which mark.
printf '%s' "$1" >/srv/reboot-mark
kill -KILL "$PPID"
"""


def stanzas() -> list:
    """The control file's stanzas, each as a dictionary."""
    texts = (CHECKOUT / "debian/tests/control").read_text().strip().split("\n\n")
    return [dict(line.split(": ", 1) for line in text.splitlines()) for text in texts]


def words(text: str) -> list:
    return text.replace(",", " ").split()


TESTS = [(name, stanza) for stanza in stanzas() for name in words(stanza["Tests"])]


def run(machine, name: str, mark: str = "") -> tuple:
    """What became of it, and the mark that it left when it wants to go on after a reboot."""
    machine.put_text("/tmp/autopkgtest-reboot", REBOOT, 0o755)
    machine.sh(f"rm -f /srv/reboot-mark; mkdir -p /srv/tmp-{name}")
    done = machine.run("env", f"--chdir={SOURCE}", f"AUTOPKGTEST_TMP=/srv/tmp-{name}", f"AUTOPKGTEST_REBOOT_MARK={mark}", f"debian/tests/{name}", check=False, timeout=300)
    wants_reboot = machine.run("cat", "/srv/reboot-mark", check=False)
    return done, wants_reboot.stdout if wants_reboot.returncode == 0 else ""


@pytest.mark.parametrize("name, stanza", TESTS, ids=[name for name, _ in TESTS])
def test_the_packages_own_test_passes(machine, name, stanza):
    machine.put(CHECKOUT / "debian/tests", f"{SOURCE}/debian/tests")
    machine.apt("satisfy", stanza["Depends"])
    wait_until_healthy(machine)
    done, mark = run(machine, name)
    while mark:
        assert "needs-reboot" in stanza["Restrictions"]
        machine.reboot()
        done, mark = run(machine, name, mark)
    if done.returncode != 0:
        raise MachineError(f"{name}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    assert f"{name}: all well" in done.stdout


def test_every_test_that_was_promised_is_there():
    assert {name for name, _ in TESTS} >= {"smoke", "upgrade", "reboot", "restore", "sandbox", "perms"}
