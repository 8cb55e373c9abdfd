"""The services as systemd sees them: health that tells the truth, restarts that nobody notices, watchdogs, journal, timers, backups."""

import json
import re
import time

import pytest

from client import Client
from conftest import MUSIC_DIR, PENDING_DIR, ROLES, wait_until_healthy
from hammer import Hammer
from music import Album


def health(machine) -> dict:
    answer = Client(machine.address).get("/health")
    return {"http": answer.status, **answer.json()}


def wait_for_health(machine, status: str, timeout_seconds: float = 5) -> dict:
    return machine.wait_until(f"/health says {status}", lambda: (now := health(machine))["status"] == status and now, timeout_seconds)


@pytest.fixture
def stopped(machine):
    """Stops a unit, and starts it again when the test ends."""
    units = []

    def stop(unit: str) -> None:
        units.append(unit)
        machine.run("systemctl", "stop", unit)

    yield stop
    for unit in units:
        machine.run("systemctl", "start", unit)
    wait_until_healthy(machine)


def test_health_is_503_within_five_seconds_without_postgresql_and_recovers(machine, stopped):
    stopped("postgresql@17-main.service")
    now = wait_for_health(machine, "unhealthy")
    assert now["http"] == 503
    assert now["checks"]["database"] != "ok"
    assert Client(machine.address).get("/ready").status == 503
    Client(machine.address).get("/live").expect(200)
    refused = Client(machine.address, token="x").get("/api/albums")
    assert (refused.status, "retry-after" in refused.headers) == (503, True)
    pids = {role: machine.show(f"barbossa-{role}.service", "MainPID") for role in ROLES}
    machine.run("systemctl", "start", "postgresql@17-main.service")
    wait_for_health(machine, "healthy", 10)
    assert {role: machine.show(f"barbossa-{role}.service", "MainPID") for role in ROLES} == pids, "a role was restarted"


def test_health_is_degraded_without_redis_and_the_rest_goes_on(machine, client, stopped):
    stopped("barbossa-redis.service")
    now = wait_for_health(machine, "degraded")
    assert (now["http"], now["checks"]["redis"] != "ok") == (200, True)
    client.get("/api/albums").expect(200)


def test_health_is_degraded_without_the_music_folder(machine):
    machine.sh(f"mv {MUSIC_DIR} {MUSIC_DIR}.away")
    try:
        now = wait_for_health(machine, "degraded")
        assert (now["http"], now["checks"]["music_path"] != "ok") == (200, True)
    finally:
        machine.sh(f"rm -rf {MUSIC_DIR}; mv {MUSIC_DIR}.away {MUSIC_DIR}")
    wait_until_healthy(machine)


def test_health_tells_codes_and_no_inner_workings(machine, stopped):
    stopped("postgresql@17-main.service")
    now = wait_for_health(machine, "unhealthy")
    assert [value for value in now["checks"].values() if isinstance(value, str) and not re.fullmatch(r"[a-z_]+", value)] == []


def test_restarts_of_the_api_under_load_drop_no_request(machine):
    with Hammer(machine, clients=30) as hammer:
        for _ in range(5):
            time.sleep(0.7)
            machine.run("systemctl", "restart", "barbossa-api.service")
        time.sleep(0.7)
    assert hammer.failures() == {}


def said_by(machine, role: str, *arguments) -> list:
    """The role's own lines as the journal keeps them; systemd's lines about the unit (whose JOB_ID is another) left out."""
    lines = machine.journal(f"--unit=barbossa-{role}.service", f"--identifier=barbossa-{role}", "--output=json", *arguments).splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_ready_without_waiting_where_all_it_needs_is_there(machine, role):
    machine.run("systemctl", "restart", f"barbossa-{role}.service")
    ready = [line for line in said_by(machine, role) if line["MESSAGE"].startswith("ready ")]
    # Its own clock. After three seconds it would say that it is ready in any case.
    assert int(ready[-1]["AFTER_MS"]) < 3000


@pytest.mark.parametrize("role", ROLES)
def test_every_role_has_a_watchdog(machine, role):
    assert int(machine.show(f"barbossa-{role}.service", "WatchdogUSec").removesuffix("s").replace("1min", "60")) <= 60


def test_a_stopped_process_is_restarted_by_its_watchdog(machine):
    unit = "barbossa-beat.service"
    # The shipped time is a minute; the mechanism is the same with two seconds.
    machine.sh(f"mkdir -p /run/systemd/system/{unit}.d; printf '[Service]\\nWatchdogSec=2s\\nTimeoutAbortSec=1s\\n' >/run/systemd/system/{unit}.d/fast.conf; systemctl daemon-reload; systemctl restart {unit}")
    pid = machine.show(unit, "MainPID")
    machine.run("kill", "-STOP", pid)
    machine.wait_until("the watchdog has restarted the role", lambda: machine.show(unit, "MainPID") not in (pid, "0") and machine.show(unit, "ActiveState") == "active", 20)
    assert int(machine.show(unit, "NRestarts")) >= 1
    machine.sh(f"rm -r /run/systemd/system/{unit}.d; systemctl daemon-reload; systemctl restart {unit}")


def test_status_lines_tell_what_goes_on(machine):
    assert re.search(r"\d+ jobs? running, \d+ waiting", machine.show("barbossa-worker.service", "StatusText"))
    said = machine.sh("systemctl status 'barbossa-*' --no-pager --lines=0")
    assert len(re.findall(r"Status: \".+\"", said)) >= len(ROLES)


def test_a_job_can_be_followed_in_the_journal(machine, client, tmp_path):
    album = Album("Grace O'Malley", "Followed", 1577, "opus", (("One",),))
    folder = album.make(tmp_path)
    machine.put(folder, "/srv/followed")
    machine.sh(f"umask 002; cp -r /srv/followed {PENDING_DIR}/f; chmod g+w {PENDING_DIR}/f", user="mate")
    listed = client.wait_for_album(album.title, 15)
    request_id = "test-request-0001"
    client.post(f"/api/me/library/albums/{listed['id']}", headers={"X-Request-ID": request_id}).expect(200)
    jobs = [line for line in said_by(machine, "worker") if "JOB_ID" in line]
    assert jobs and all(line.get("JOB_KIND") for line in jobs)
    assert [line for line in jobs if line.get("REQUEST_ID") == request_id], "the request that caused the job is not named"


def test_a_reload_changes_the_log_level_without_a_restart(machine):
    pid = machine.show("barbossa-api.service", "MainPID")
    machine.sh("mkdir -p /etc/barbossa/conf.d; echo 'log_level = \"debug\"' >/etc/barbossa/conf.d/level.toml; systemctl reload barbossa-api.service")
    machine.run("curl", "--silent", "--output", "/dev/null", "http://localhost:8080/api/albums")
    machine.wait_until("something is logged at debug", lambda: machine.journal("--unit=barbossa-api", "--priority=debug..debug", "_SYSTEMD_UNIT=barbossa-api.service") != "", 5)
    machine.sh("rm /etc/barbossa/conf.d/level.toml; systemctl reload barbossa-api.service")
    assert machine.show("barbossa-api.service", "MainPID") == pid


def test_the_backup_timer_is_listed(machine):
    assert "barbossa-backup.timer" in machine.sh("systemctl list-timers --no-pager barbossa-backup.timer")


def test_a_backup_is_whole_and_closed(machine):
    machine.run("systemctl", "start", "barbossa-backup.service")
    made = machine.sh("cd /var/lib/barbossa/backups && ls").split()
    assert len(made) == 1 and re.fullmatch(r"barbossa-\d{8}T\d{6}Z", made[0]), made
    folder = f"/var/lib/barbossa/backups/{made[0]}"
    manifest = json.loads(machine.sh(f"cat {folder}/manifest.json"))
    for part in manifest["parts"]:
        assert machine.run("sha256sum", f"{folder}/{part['path']}").stdout.split()[0] == part["sha256"]
    assert "TABLE DATA public album" in machine.sh(f"pg_restore -l {folder}/database.dump")
    assert machine.sh("stat -c %a /var/lib/barbossa/backups") == "700\n"
    assert "whole" in machine.run("barbossa", "backup", "verify").stdout


def test_the_restore_drill_proves_a_backup_and_leaves_nothing(machine):
    assert "barbossa-restore-drill.timer" in machine.sh("systemctl list-timers --no-pager barbossa-restore-drill.timer")
    machine.run("systemctl", "start", "barbossa-backup.service")
    machine.run("systemctl", "start", "barbossa-restore-drill.service")
    assert machine.show("barbossa-restore-drill.service", "Result") == "success"
    status = json.loads(machine.run("barbossa", "status", "--json").stdout)
    assert status["proof"]["last_drill"]["state"] == "proven"
    assert machine.sh("runuser -u postgres -- psql -d barbossa_drill -Atc 'select count(*) from pg_tables where schemaname = $$public$$'") == "0\n"
    assert machine.sh("runuser -u postgres -- psql -Atc 'select rolcreatedb from pg_roles where rolname = $$barbossa$$'") == "f\n"
    assert health(machine)["checks"]["backups"] == "ok"


def test_a_crashed_api_comes_back_and_its_socket_stays(machine):
    machine.run("systemctl", "kill", "--signal=KILL", "barbossa-api.service")
    machine.run("curl", "--silent", "--fail", "--max-time", "10", "http://localhost:8080/live")
    assert machine.run("systemctl", "is-active", "barbossa-api.socket").stdout == "active\n"


def test_all_roles_together_are_small(machine):
    # Pages of the program that the roles share are there once, and counted once.
    proportional_kb = 0
    for role in ("api", "worker", "beat", "watcher"):
        rollup = machine.sh(f"cat /proc/{machine.show(f'barbossa-{role}.service', 'MainPID')}/smaps_rollup")
        proportional_kb += int(re.search(r"^Pss:\s+(\d+)", rollup, re.MULTILINE).group(1))
    assert proportional_kb / 1024 < 120
