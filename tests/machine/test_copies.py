"""Backups that are carried out of the house, and the music in a restic repository: by the shipped units, with real tools."""

import json

import pytest

from client import Client
from conftest import ADMIN, MUSIC_DIR, PASSWORD, PENDING_DIR
from music import Album

ALBUM = Album("Anne Bonny", "Carried Away", 1720, "mp3")
NAS = "/mnt/nas"
CLOUD = "/srv/cloud"
SECRET = "a-s3cret-of-the-cloud"
SETTINGS = f"""
[backup]
music_repository = "{NAS}/music"

[[backup.destinations]]
name = "nas"
to = "{NAS}/barbossa"

[[backup.destinations]]
name = "cloud"
to = "box:family/barbossa"
"""


def names(machine, folder: str) -> list:
    return [name for name in machine.sh(f"ls {folder} 2>/dev/null || true").split() if name.startswith("barbossa-2")]


def part(machine, name: str) -> str:
    return Client(machine.address).get("/health").json()["checks"][name]


def mount(machine) -> None:
    machine.sh(f"mkdir -p {NAS} && mount --bind /srv/disk {NAS}")


@pytest.fixture(scope="module")
def copies(machine, tmp_path_factory) -> None:
    """Another disk, another machine's service (rclone's own, over HTTP), an album in the library, and the settings for all that."""
    machine.apt("install", "rclone", "restic")
    machine.sh(f"install -d -o barbossa -g barbossa -m 700 /srv/disk/barbossa && touch /srv/disk/barbossa/.barbossa-backups && mkdir -p {CLOUD}")
    mount(machine)
    machine.sh(f"systemd-run --quiet --unit=cloud rclone serve webdav --config /dev/null --addr 127.0.0.1:8099 --user ada --pass {SECRET} {CLOUD}")
    machine.sh(
        "install -d -m 700 /etc/credstore && umask 077 && "
        f"printf '[box]\ntype = webdav\nurl = http://127.0.0.1:8099\nvendor = other\nuser = ada\npass = %s\n' \"$(rclone obscure {SECRET})\" "
        "> /etc/credstore/barbossa.rclone-config && head -c 32 /dev/urandom | base64 > /etc/credstore/barbossa.restic-password"
    )
    machine.sh(f"restic --no-cache --repo {NAS}/music --password-file /etc/credstore/barbossa.restic-password init && chown -R barbossa:barbossa /srv/disk/music")
    machine.path("/etc/barbossa/conf.d/copies.toml").parent.mkdir(exist_ok=True)
    machine.path("/etc/barbossa/conf.d/copies.toml").write_text(SETTINGS)
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", "barbossa.target", *(f"barbossa-{role}.service" for role in ("api", "worker", "fetch")))
    machine.put(ALBUM.make(tmp_path_factory.mktemp("music")), "/srv/album")
    machine.sh(f"umask 002; cp -r /srv/album {PENDING_DIR}/new; chown -R mate:barbossa {PENDING_DIR}/new; chmod -R g+w {PENDING_DIR}/new")
    Client(machine.address).log_in(ADMIN, PASSWORD).wait_for_album(ALBUM.title, 30)


def test_a_backup_is_carried_to_a_disk_and_over_the_network_as_soon_as_it_is_made(machine, copies):
    machine.run("systemctl", "start", "barbossa-backup.service")
    made = names(machine, "/var/lib/barbossa/backups")[-1:]
    for place in (f"{NAS}/barbossa", f"{CLOUD}/family/barbossa"):
        machine.wait_until(f"it is in {place}", lambda place=place: names(machine, place) == made, 60)
        machine.sh(f"diff -r /var/lib/barbossa/backups/{made[0]} {place}/{made[0]}")
    status = json.loads(machine.run("barbossa", "backup", "status", "--json").stdout)
    machine.wait_until("both are written down", lambda: "running" not in machine.run("barbossa", "backup", "status").stdout)
    assert [place["kind"] for place in status["destinations"]] == ["folder", "remote"]
    assert SECRET not in machine.journal("--unit=barbossa*")
    machine.run("systemd-analyze", "security", "--no-pager", "--threshold=12", "barbossa-backup-send.service")
    machine.run("systemd-analyze", "security", "--no-pager", "--threshold=3", "barbossa-backup-music.service")
    assert made[0] in machine.run("barbossa", "restore", "--from", "cloud").stdout


def test_a_disk_that_is_away_is_told_nothing_is_written_beneath_it_and_the_next_try_mends_it(machine, copies):
    machine.sh(f"umount {NAS}")
    assert machine.run("systemctl", "start", "barbossa-backup-send.service", check=False).returncode != 0
    assert machine.sh(f"ls -A {NAS}") == ""
    machine.wait_until("/health tells", lambda: part(machine, "backups") == "copy_failed")
    machine.wait_until("the journal tells", lambda: "barbossa-backup-send failed" in machine.journal("--priority=crit"))
    said = machine.run("barbossa", "doctor", check=False).stdout
    assert f"mount '{NAS}/barbossa'" in said, said
    mount(machine)
    machine.run("systemctl", "start", "barbossa-backup-send.service")
    machine.wait_until("/health is well", lambda: part(machine, "backups") == "ok")


def test_the_music_goes_to_the_repository_and_a_spoiled_file_comes_back_from_it(machine, copies):
    machine.wait_until("the files are read", lambda: machine.run("runuser", "-u", "postgres", "--", "psql", "-d", "barbossa", "-Atc", "select count(*) from track where essence is null").stdout.strip() == "0")
    machine.run("systemctl", "start", "barbossa-backup-music.service")
    track = machine.sh(f"find {MUSIC_DIR}/artists -name '*.mp3' | sort | head -n 1").strip()
    before = machine.sh(f"sha256sum '{track}'")
    machine.sh(f"printf x | dd of='{track}' bs=1 seek=$(( $(stat -c %s '{track}') - 50 )) conv=notrunc status=none")
    machine.run("systemctl", "start", "barbossa-backup-music.service")
    status = json.loads(machine.run("barbossa", "backup", "status", "--json").stdout)
    assert (status["music"]["last"]["held_back"], status["music"]["last_verified"]["state"]) == (1, "complete")
    said = machine.run("barbossa", "backup", "music", "restore", track).stdout
    assert "Back, from" in said, said
    assert machine.sh(f"sha256sum '{track}'") == before
