"""A restore on the machine itself: back up, lose everything but the music, install again, restore, compare; and a kill in the middle."""

import json

import pytest

from client import Client
from conftest import ADMIN, MUSIC_DIR, PASSWORD, ROLES, wait_until_healthy
from music import Album

ALBUM = Album("Mary Read", "Brought Back", 1721, "mp3")
STICK = "/srv/stick"
SERVING = ["barbossa-api.socket", "barbossa.target", "barbossa-backup.timer", "barbossa-restore-drill.timer", "barbossa-backup-send.timer", "barbossa-backup-music.timer", *(f"barbossa-{role}.service" for role in ROLES)]


def sql(machine, text: str, database: str = "barbossa") -> str:
    return machine.run("runuser", "-u", "postgres", "--", "psql", "--dbname", database, "-Atc", text).stdout.strip()


def music_of(machine) -> str:
    """Every file of the library and of the users with its inode and checksum."""
    return machine.sh(f"cd {MUSIC_DIR} && find artists users -type f -printf '%i ' -exec sha256sum {{}} + | sort")


def facts(machine) -> dict:
    client = Client(machine.address).log_in(ADMIN, PASSWORD)
    return {
        "albums": [(album["id"], album["title"]) for album in client.albums()],
        "hearts": [album["title"] for album in client.get("/api/me/library").expect(200).json()["items"]],
        "library": sql(machine, "select id from library"),
        "users": sql(machine, "select string_agg(username || id, ',' order by id) from app_user"),
        "music": music_of(machine),
    }


def serves(machine) -> bool:
    states = machine.run("systemctl", "is-active", *SERVING, check=False).stdout.split()
    return states == ["active"] * len(SERVING)


@pytest.fixture(scope="module")
def stick(machine, tmp_path_factory) -> tuple:
    """An album in the library, a heart on it, a backup of both on a stick; and what was there then."""
    machine.put(ALBUM.make(tmp_path_factory.mktemp("music")), "/srv/album")
    machine.sh(f"umask 002; cp -r /srv/album {MUSIC_DIR}/import/pending/new; chown -R mate:barbossa {MUSIC_DIR}/import/pending/new; chmod -R g+w {MUSIC_DIR}/import/pending/new")
    client = Client(machine.address).log_in(ADMIN, PASSWORD)
    album = client.wait_for_album(ALBUM.title, 15)
    client.post(f"/api/me/library/albums/{album['id']}").expect(200)
    machine.run("systemctl", "start", "barbossa-backup.service")
    name = machine.sh("ls /var/lib/barbossa/backups").split()[-1]
    # Root's own, as a stick is: the service's user may not read there.
    machine.sh(f"mkdir -m 700 {STICK} && cp -r /var/lib/barbossa/backups/{name} {STICK} && chown -R root: {STICK}")
    return f"{STICK}/{name}", facts(machine)


def test_after_losing_all_but_the_music_an_install_and_a_restore_bring_everything_back(machine, stick):
    path, before = stick
    machine.apt("purge", "barbossa")
    machine.sh("rm -rf /var/lib/barbossa/backups /var/lib/barbossa/settings")
    machine.sh("cd / && runuser -u postgres -- dropdb barbossa && runuser -u postgres -- dropdb barbossa_drill && runuser -u postgres -- dropuser barbossa")
    machine.apt("install", "barbossa")
    machine.wait_until("the new, empty house is up", lambda: sql(machine, "select count(*) from app_user") == "0" and serves(machine))
    said = machine.run("barbossa", "restore", path, "--yes").stdout
    assert "is the running database now" in said, said
    machine.wait_until("the units are up again", lambda: serves(machine))
    wait_until_healthy(machine)
    assert facts(machine) == before
    status = json.loads(machine.run("barbossa", "status", "--json").stdout)
    assert status["proof"]["last_drill"]["state"] == "proven"
    assert sql(machine, "select count(*) from pg_database where datname like 'barbossa\\_before\\_restore\\_%'") == "1"
    machine.run("barbossa", "restore", "--forget-old", "--yes")
    assert sql(machine, "select string_agg(datname, ',' order by datname) from pg_database where datname like 'barbossa%'") == "barbossa,barbossa_drill"
    machine.run("systemctl", "start", "barbossa-backup.service", "barbossa-restore-drill.service")


def test_a_restore_whose_every_process_is_killed_while_barbossa_pauses_leaves_it_serving(machine, stick):
    path, before = stick
    restoring = machine.spawn("barbossa", "restore", path, "--yes")
    there = "select count(*) from pg_database where datname = 'barbossa_restored'"
    machine.wait_until("the backup is restored beside", lambda: sql(machine, there, "postgres") == "1", every_seconds=0.05)
    # Nobody may give a database another name for a while: the swap waits, with the units stopped.
    holding = machine.spawn("runuser", "-u", "postgres", "--", "psql", "--dbname", "postgres", "-c", "begin; lock table pg_database in share row exclusive mode; select pg_sleep(8)")
    try:
        machine.wait_until("the api is stopped", lambda: machine.show("barbossa-api.service", "ActiveState") == "inactive")
        # The first "barbossa restore" of this machine; nsenter's own process is not it.
        machine.run("pkill", "--signal", "KILL", "--exact", "--full", f"barbossa restore {path} --yes")
        machine.run("systemctl", "kill", "--signal=KILL", "--kill-whom=all", "barbossa-restore-swap.service")
        machine.wait_until("everything serves again", lambda: serves(machine), 30)
    finally:
        restoring.kill()
        holding.kill()
    machine.sh("runuser -u postgres -- psql -d postgres -Atc \"select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(8)%' and pid <> pg_backend_pid()\"")
    wait_until_healthy(machine)
    assert facts(machine) == before
    # And the next one goes through.
    machine.run("barbossa", "restore", path, "--yes")
    machine.wait_until("the units are up again", lambda: serves(machine))
    wait_until_healthy(machine)
    assert facts(machine) == before
