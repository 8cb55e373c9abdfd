"""What each unit's sandbox really lets a process do, tried from inside it: the score of systemd-analyze cannot see that."""

import re
from collections import defaultdict
from pathlib import Path

import pytest

from conftest import MUSIC_DIR
from package import EXPOSURE_LIMIT, EXPOSURE_LIMITS

OFFLINE = ("api", "worker", "beat", "watcher", "backup", "backup-send", "backup-music", "restore-drill", "migrate", "provision", "redis", "failure@")
SANDBOXED = (*OFFLINE, "fetch")
# These speak to PostgreSQL; the other units have no business there.
LOGS_IN_AS = {"provision": "postgres", **dict.fromkeys(("api", "worker", "fetch", "beat", "watcher", "backup", "restore-drill", "migrate"), "barbossa")}
PROBE = "/usr/local/lib/sandbox-probe.pl"
MUSIC_WRITERS = {"worker": {MUSIC_DIR}, "fetch": {f"{MUSIC_DIR}/downloads"}}


@pytest.fixture(scope="module")
def probed(machine) -> dict:
    """By role: what the probe found when it ran in the role's place. The unit is the shipped one, only its program is another."""
    machine.put(Path(__file__).with_name("sandbox_probe.pl"), PROBE)
    found = {}
    for role in SANDBOXED:
        unit = machine.sh(f"systemctl cat barbossa-{role.replace('@', '@x')}.service")
        role_name = role.rstrip("@")
        unit = re.sub(r"^(Condition\w+|SuccessExitStatus|Type|ExecStart|ExecStartPre|ExecStartPost|ExecReload|ExecCondition|Restart|WatchdogSec|OnFailure|Sockets)=.*$", "", unit, flags=re.M)
        unit = unit.replace("[Service]", f"[Service]\nType=oneshot\nExecStart=/usr/bin/perl {PROBE}\n")
        machine.path(f"/run/systemd/system/probe-{role_name}.service").write_text(unit)
        machine.run("systemctl", "daemon-reload")
        machine.run("systemctl", "start", f"probe-{role_name}.service", check=False)
        said = machine.journal(f"--unit=probe-{role_name}.service", "--output=cat", "--identifier=perl")
        findings = defaultdict(list)
        for line in said.splitlines():
            name, _, value = line.partition(" ")
            findings[name].append(value)
        assert "end" in findings, f"the probe in {role} did not end:\n{machine.journal(f'--unit=probe-{role_name}.service')}"
        found[role] = findings
    return found


in_each = pytest.mark.parametrize("role", SANDBOXED)


@pytest.mark.parametrize("role", OFFLINE)
def test_there_is_no_network_but_loopback(probed, role):
    assert probed[role]["devices"] == ["lo"]


@pytest.mark.parametrize("role", OFFLINE)
@pytest.mark.parametrize("family", ["inet", "inet6", "netlink"])
def test_sockets_other_than_unix_are_refused(probed, role, family):
    assert probed[role][f"socket-{family}"] == ["refused"]


def test_only_the_fetcher_may_use_the_internet(probed):
    assert [role for role in SANDBOXED if probed[role]["socket-inet"] == ["allowed"]] == ["fetch"]


@in_each
def test_memory_is_never_writable_and_executable(probed, role):
    assert (probed[role]["write-and-execute"], probed[role]["execute-later"]) == (["refused"], ["refused"])


@in_each
def test_nothing_written_can_be_executed(probed, role):
    assert probed[role]["executes"] == []


@in_each
def test_only_the_worker_and_the_fetcher_write_music(probed, role):
    assert {place for place in probed[role]["writable"] if place.startswith(MUSIC_DIR)} == MUSIC_WRITERS.get(role, set())


@in_each
def test_homes_are_hidden(probed, role):
    assert probed[role]["home"] == ["hidden"]


@in_each
def test_other_processes_are_hidden(probed, role):
    assert (probed[role]["others"], probed[role]["proc-sys"]) == (["hidden"], ["hidden"])


@in_each
def test_no_secret_is_in_the_environment(probed, role):
    assert probed[role]["environment"] == [""]


def test_only_the_api_has_the_signing_secret(probed):
    assert [role for role in SANDBOXED if "jwt-secret" in ",".join(probed[role]["credentials"])] == ["api"]


@pytest.mark.parametrize("role", LOGS_IN_AS)
def test_postgresql_lets_the_unit_in_by_who_it_is(probed, role):
    assert probed[role]["login"] == [f"{LOGS_IN_AS[role]} let-in"]


def test_staging_and_library_are_one_mount_for_the_worker(probed):
    assert probed["worker"]["staging-to-library"] == ["linked"]


def test_the_exposure_of_each_unit_is_within_its_limit(machine, figure):
    units = machine.sh("cd /usr/lib/systemd/system && ls barbossa*.service").split()
    exposures = {}
    for unit in units:
        said = machine.run("systemd-analyze", "security", "--no-pager", unit.replace("@.", "@x."), check=False).stdout
        exposures[unit] = float(re.search(r"Overall exposure level for \S+: ([\d.]+)", said).group(1))
    figure(", ".join(f"{unit.removeprefix('barbossa-').removesuffix('.service')} {value}" for unit, value in exposures.items()))
    assert len(exposures) >= 11
    assert {unit: value for unit, value in exposures.items() if 10 * value > EXPOSURE_LIMITS.get(unit, EXPOSURE_LIMIT)} == {}


@pytest.mark.parametrize("role", ["api", "worker", "beat", "watcher"])
def test_the_running_role_sees_no_network(machine, role):
    pid = machine.show(f"barbossa-{role}.service", "MainPID")
    assert re.findall(r"^\s*(\S+):", machine.path(f"/proc/{pid}/net/dev").read_text(), re.M) == ["lo"]
