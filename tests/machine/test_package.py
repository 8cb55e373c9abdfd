"""Installing again, upgrading, removing and purging: what the admin has set stays, what is the family's is never touched."""

import json
import re
import time
from pathlib import Path

import pytest

import package as packaging
from client import Client
from conftest import ADMIN, MUSIC_DIR, PASSWORD, ROLES, wait_until_healthy
from hammer import Hammer
from music import Album

SERVICES = [f"barbossa-{role}.service" for role in ROLES]
ALBUM = Album("Anne Bonny", "Kept Through It All", 1720, "mp3")


@pytest.fixture(scope="module", autouse=True)
def library(machine, tmp_path_factory):
    """An album in the library, and a heart on it: what every step has to leave as it is."""
    machine.put(ALBUM.make(tmp_path_factory.mktemp("music")), "/srv/album")
    machine.sh(f"umask 002; cp -r /srv/album {MUSIC_DIR}/import/pending/new; chown -R mate:barbossa {MUSIC_DIR}/import/pending/new; chmod -R g+w {MUSIC_DIR}/import/pending/new")
    client = Client(machine.address).log_in(ADMIN, PASSWORD)
    album = client.wait_for_album(ALBUM.title, 15)
    client.post(f"/api/me/library/albums/{album['id']}").expect(200)


def music_of(machine) -> str:
    """Every file of the library and of the users with its inode and checksum."""
    return machine.sh(f"cd {MUSIC_DIR} && find artists users -type f -printf '%i ' -exec sha256sum {{}} + | sort")


@pytest.fixture
def newer(machine, deb, tmp_path):
    """Publishes a newer version, maybe changed, and returns it."""
    def make(change=None) -> str:
        version = f"{packaging.version_of(deb)}+{time.time_ns() // 1_000_000}"
        machine.publish(packaging.variant(deb, version, tmp_path, change))
        return version

    return make


def test_installing_again_keeps_what_the_admin_has_set(machine):
    machine.sh("""
        echo '# mine' >>/etc/barbossa/barbossa.toml
        echo '# mine' >>/etc/nginx/sites-available/barbossa
        systemctl disable --quiet --now barbossa-watcher.service
        rm /etc/nginx/sites-enabled/barbossa
    """)
    secret = machine.sh("sha256sum /etc/barbossa/credentials/jwt-secret")
    machine.apt("install", "--reinstall", "barbossa")
    machine.run("dpkg-reconfigure", "barbossa")
    assert machine.sh("grep -c '# mine' /etc/barbossa/barbossa.toml /etc/nginx/sites-available/barbossa") == (
        "/etc/barbossa/barbossa.toml:1\n/etc/nginx/sites-available/barbossa:1\n"
    )
    assert machine.run("systemctl", "is-enabled", "barbossa-watcher.service", check=False).stdout == "disabled\n"
    assert machine.run("systemctl", "is-active", "barbossa-watcher.service", check=False).stdout == "inactive\n"
    machine.sh("test ! -e /etc/nginx/sites-enabled/barbossa")
    assert machine.sh("sha256sum /etc/barbossa/credentials/jwt-secret") == secret
    machine.sh("systemctl enable --quiet --now barbossa-watcher.service; ln -s ../sites-available/barbossa /etc/nginx/sites-enabled/; systemctl reload nginx")
    wait_until_healthy(machine)


def test_an_upgrade_under_load_drops_no_request(machine, newer):
    before = music_of(machine)
    version = newer()
    pids = {unit: machine.show(unit, "MainPID") for unit in SERVICES}
    with Hammer(machine, clients=30) as hammer:
        machine.apt("install", "barbossa")
        time.sleep(2)
    assert hammer.failures() == {}
    assert machine.sh("dpkg-query -W -f '${Version}' barbossa") == version
    assert [unit for unit in SERVICES if machine.show(unit, "MainPID") == pids[unit]] == [], "these still run the old version"
    wait_until_healthy(machine)
    assert music_of(machine) == before


def test_a_changed_socket_unit_waits_for_its_restart_and_that_is_told(machine, newer):
    unit, restart = "barbossa-api.socket", "systemctl stop barbossa-api.socket barbossa-api.service && systemctl start barbossa-api.socket barbossa-api.service"

    def change(root: Path) -> None:
        path = root / "usr/lib/systemd/system" / unit
        path.write_text(path.read_text().replace("ListenStream=127.0.0.1:8080", "ListenStream=127.0.0.1:8080\nListenStream=127.0.0.1:8081"))

    found = lambda: {f["what"]: f for f in json.loads(machine.run("barbossa", "doctor", "--json", check=False).stdout)}["sockets"]
    assert found()["verdict"] == "good", found()
    newer(change)
    said = machine.apt("install", "barbossa")
    assert f"{unit} has changed" in said.stdout + said.stderr and restart in said.stdout + said.stderr, said
    assert machine.run("curl", "--silent", "http://127.0.0.1:8081/live", check=False).returncode != 0
    assert (found()["verdict"], restart in found()["detail"]) == ("doubtful", True), found()
    machine.sh(restart)
    machine.run("curl", "--silent", "--fail", "http://127.0.0.1:8081/live")
    assert found()["verdict"] == "good", found()
    wait_until_healthy(machine)


def test_an_upgrade_leaves_a_stopped_unit_stopped(machine, newer):
    machine.sh("systemctl stop barbossa-watcher.service")
    newer()
    machine.apt("install", "barbossa")
    assert machine.run("systemctl", "is-active", "barbossa-watcher.service", check=False).stdout == "inactive\n"
    machine.sh("systemctl start barbossa-watcher.service")


def test_remove_stops_and_keeps_everything_and_a_reinstall_finds_it(machine):
    before = music_of(machine)
    secret = machine.sh("sha256sum /etc/barbossa/credentials/jwt-secret")
    machine.apt("remove", "barbossa")
    assert machine.sh("systemctl list-units --plain --no-legend --state=active --type=service,socket,timer,path,target 'barbossa*'") == ""
    assert machine.run("systemctl", "is-active", "nginx").stdout == "active\n"
    machine.run("nginx", "-t", "-q")
    assert music_of(machine) == before
    machine.apt("install", "barbossa")
    machine.wait_until("the system is running", lambda: machine.run("systemctl", "is-system-running", check=False).stdout == "running\n")
    wait_until_healthy(machine)
    assert machine.sh("sha256sum /etc/barbossa/credentials/jwt-secret") == secret
    client = Client(machine.address).log_in(ADMIN, PASSWORD)
    assert [album["title"] for album in client.get("/api/me/library").expect(200).json()["items"]] == [ALBUM.title]
    assert music_of(machine) == before


def test_purge_takes_settings_and_secrets_and_leaves_music_database_and_backups(machine):
    machine.run("systemctl", "start", "barbossa-backup.service")
    before = music_of(machine)
    done = machine.apt("purge", "barbossa")
    assert "/var/lib/barbossa" in done.stdout + done.stderr
    assert music_of(machine) == before
    machine.sh("ls /var/lib/barbossa/backups/barbossa-*/database.dump")
    assert machine.sh("runuser -u postgres -- psql -d barbossa -Atc 'select title from album'") == f"{ALBUM.title}\n"
    left = machine.sh("find / -xdev -name '*barbossa*' -not -path '/proc/*' -not -path '/sys/*' -not -path '/srv/*' -not -path '/run/*' -not -path '/tmp/*' -not -path '/var/log/*' -not -path '/var/lib/apt/*'")
    known = re.compile(r"^(/var/lib/barbossa(/.*)?|/etc/apt/sources\.list\.d/barbossa\.sources|/var/cache/apt/.*|/var/lib/systemd/.*)$")
    assert [path for path in left.splitlines() if not known.match(path)] == []
    machine.sh("test ! -e /etc/barbossa && test ! -e /var/lib/barbossa-redis && test ! -e /var/cache/barbossa")
    machine.run("nginx", "-t", "-q")


def test_an_install_after_a_purge_finds_the_family_again(machine):
    machine.apt("install", "barbossa")
    wait_until_healthy(machine)
    client = Client(machine.address).log_in(ADMIN, PASSWORD)
    assert [album["title"] for album in client.albums()] == [ALBUM.title]
