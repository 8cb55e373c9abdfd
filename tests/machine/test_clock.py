"""The clock of the whole machine leaps: to next year while everything runs, and back. Nothing goes for good before its time, and nothing waits for next year.

The machines share the clock of the host, so every process of ours, PostgreSQL and systemd's own clients among them, gets its
time through libfaketime (Debian), which reads how far it is off from a file again and again: a leap comes to all at once.
"""

import time

import pytest

from client import Client
from conftest import ADMIN, MUSIC_DIR, PASSWORD, ROLES, wait_until_healthy
from music import Album
from storm import drop, judge, sounds_in, sql, wait_for_calm

LEAP = "/etc/leap"
LIBRARY = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
FAKED = {"LD_PRELOAD": LIBRARY, "FAKETIME_TIMESTAMP_FILE": LEAP, "FAKETIME_CACHE_DURATION": "1", "DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}
UNITS = [f"barbossa-{role}.service" for role in ROLES] + ["barbossa-backup.service", "barbossa-restore-drill.service"]
BACKUPS = "/var/lib/barbossa/backups"


def leap(machine, days: int) -> None:
    machine.put_text(f"{LEAP}.new", f"{days:+}d\n")
    machine.sh(f"mv {LEAP}.new {LEAP}")
    machine.wait_until("PostgreSQL follows", lambda: abs(days_ahead(machine) - days) < 1)


def days_ahead(machine) -> float:
    return (float(sql(machine, "select extract(epoch from now())")) - time.time()) / 86400


def looked(machine, days: int) -> None:
    """Until the beat has seen the clock as it is now."""
    machine.wait_until("the beat has looked", lambda: abs(float(sql(machine, "select extract(epoch from seen_at) from clock")) - time.time() - days * 86400) < 60, 40)


@pytest.fixture(scope="module")
def house(machine, tmp_path_factory):
    """Three albums: one in the library, one in the trash, and one that was given away by nobody."""
    machine.apt("install", "libfaketime")
    machine.put_text(LEAP, "+0d\n")
    lines = "".join(f'Environment="{name}={value}"\n' for name, value in FAKED.items())
    for unit in UNITS:
        machine.put_text(f"/etc/systemd/system/{unit}.d/leap.conf", f"[Service]\n{lines}")
    machine.sh("cat >>/etc/postgresql/17/main/environment <<'END'\n" + "".join(f"{name} = '{value}'\n" for name, value in FAKED.items()) + "END")
    machine.sh("systemctl daemon-reload && systemctl restart postgresql@17-main.service barbossa.target " + " ".join(UNITS[: len(ROLES)]))
    wait_until_healthy(machine, 60)
    folder = tmp_path_factory.mktemp("albums")
    for title in ("Kept", "Deleted", "Later"):
        Album("Anne Bonny", title, 1720, "opus", (("Out", "Home"),), 0.3).make(folder)
    sounds = sounds_in(folder)
    later = tmp_path_factory.mktemp("later")
    next(folder.glob("*Later")).rename(later / "Later")
    drop(machine, folder, "first")
    client = Client(machine.address).log_in(ADMIN, PASSWORD)
    client.wait_for_album("Kept", 30)
    deleted = client.wait_for_album("Deleted", 30)
    wait_for_calm(machine)
    client.delete(f"/api/albums/{deleted['id']}").expect(200)
    wait_for_calm(machine)
    return sounds, later


def run_all_timed(machine) -> None:
    """What the night would do."""
    machine.sh("runuser -u postgres -- psql -q -d barbossa -c \"update schedule set next_run_at = now() - interval '1 minute'\"")
    machine.wait_until("all of it was enqueued", lambda: sql(machine, "select count(*) from schedule where next_run_at <= now()") == "0", 60)
    wait_for_calm(machine)


def test_a_leap_ahead_takes_nothing_out_of_the_trash_and_lets_no_backup_go(machine, house, figure):
    machine.run("systemctl", "start", "barbossa-backup.service", "barbossa-restore-drill.service")
    before = set(machine.sh(f"ls {BACKUPS}").split())
    leap(machine, 300)
    looked(machine, 300)
    run_all_timed(machine)
    expired = sql(machine, "select count(*) from trash where expires_at < now() and state = 'kept'")
    assert expired == "1", "the album in the trash is gone 270 days early"
    machine.run("systemctl", "start", "barbossa-backup.service")
    kept = set(machine.sh(f"ls {BACKUPS}").split())
    assert before < kept, "a backup of before the leap was let go"
    figure(f"300 days ahead: {expired} entry of the trash is past its date and kept; {len(kept)} backups kept")


def test_what_was_put_off_while_the_clock_was_ahead_does_not_wait_for_that_time(machine, house):
    """An album that comes while the clock is ahead, and still settles when it is set right."""
    sounds, later = house
    sql(machine, "insert into job (queue, kind, unique_key, run_at) values ('maintenance', 'jobs.prune', 'of the leap', now() + interval '1 hour')")
    drop(machine, later, "later")
    leap(machine, 0)
    looked(machine, 0)
    waits = float(sql(machine, "select extract(epoch from run_at - now()) from job where unique_key = 'of the leap'"))
    # The beat looks every fifteen seconds: so much is not known of the moment of the leap.
    assert waits <= 3660, f"a job that was put off by an hour waits for {waits / 86400:.0f} days"
    assert sql(machine, "select count(*) from job where state = 'available' and run_at > now() + interval '200 days'") == "0"
    assert sql(machine, "select count(*) from job where state = 'running' and lease_expires_at > now() + interval '10 minutes'") == "0"
    # A session of before the leap had ended for those who looked then; one logs in again.
    client = Client(machine.address).log_in(ADMIN, PASSWORD)
    client.wait_for_album("Later", 60)
    assert sql(machine, "select count(*) from schedule where next_run_at > now() + interval '40 days'") == "0"
    wait_until_healthy(machine, 60)
    judge(machine, sounds)


def test_the_backup_of_the_wrong_time_is_in_nobodys_way(machine, house):
    before = set(machine.sh(f"ls {BACKUPS}").split())
    machine.run("systemctl", "start", "barbossa-backup.service", "barbossa-restore-drill.service")
    kept = set(machine.sh(f"ls {BACKUPS}").split())
    assert len(kept - before) == 1 and max(before) in kept, "by its name the one from next year is the newest"
    assert "ok" in Client(machine.address).get("/health").json()["checks"]["backups"]


def test_a_worker_that_dies_with_a_lease_of_the_wrong_time_is_followed_by_another(machine, house):
    leap(machine, 300)
    looked(machine, 300)
    sql(machine, "insert into job (queue, kind, state, attempt, lease_token, lease_expires_at) values ('maintenance', 'jobs.prune', 'running', 1, gen_random_uuid(), now() + interval '3 minutes')")
    leap(machine, 0)
    looked(machine, 0)
    lease = float(sql(machine, "select coalesce(max(extract(epoch from lease_expires_at - now())), 0) from job where state = 'running'"))
    assert lease <= 300, f"the job would be taken again after {lease / 86400:.0f} days"
