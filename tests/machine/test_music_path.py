"""Music elsewhere: `barbossa setup music-path` for a folder in a closed home and on another mount, the units that follow, and a doctor who knows.

NFS is not among them: neither the kernels that these machines share nor a container in them can serve or mount it.
"""

import json

import pytest

from client import Client
from conftest import ADMIN, PASSWORD, wait_until_healthy
from music import Album

HOME_MUSIC = "/home/ada/Music"
MOUNTED_MUSIC = "/mnt/disk/music"
RESTART = "systemctl daemon-reload && systemctl restart barbossa.target && systemctl reload nginx"


def findings(machine) -> dict:
    """What the doctor says, by subject."""
    said = json.loads(machine.run("barbossa", "doctor", "--json", check=False).stdout)
    return {finding["what"]: finding for finding in said}


def move_to(machine, music_path: str) -> str:
    """As the command says it: it, then what it prints as the steps to take."""
    said = machine.run("barbossa", "setup", "music-path", music_path)
    machine.sh(RESTART)
    machine.wait_until("the worker has made its folders", lambda: machine.run("test", "-d", f"{music_path}/import/pending", check=False).returncode == 0)
    wait_until_healthy(machine)
    return said.stdout


def drop(machine, album: Album, tmp_path, music_path: str) -> dict:
    """Root puts an album into the inbox there; it is listed."""
    machine.put(album.make(tmp_path), "/srv/drop")
    machine.sh(f"cp -r --no-preserve=mode /srv/drop '{music_path}/import/pending/new' && chown -R barbossa:barbossa '{music_path}/import/pending/new' && rm -r /srv/drop")
    return Client(machine.address).log_in(ADMIN, PASSWORD).wait_for_album(album.title, 30)


def seen_by(machine, role: str, path: str) -> str:
    """What a role finds in a folder."""
    pid = machine.show(f"barbossa-{role}.service", "MainPID")
    return machine.sh(f"nsenter --target {pid} --mount -- ls -A '{path}'")


@pytest.fixture(scope="module")
def at_home(machine):
    """Music in the home of someone who lets nobody in, exports to another folder there and to a stick, and something private."""
    machine.sh("useradd --create-home ada && chmod 700 /home/ada && echo secret >/home/ada/diary && install -d -o barbossa -g barbossa /home/ada/out && touch /home/ada/out/.barbossa-exports")
    machine.sh("mkdir -p /etc/barbossa/conf.d && printf '[exports]\\nroots = [\"/media/stick\", \"/home/ada/out\"]\\n' >/etc/barbossa/conf.d/exports.toml")
    return move_to(machine, HOME_MUSIC)


def test_the_command_says_whom_a_closed_home_keeps_out(at_home):
    assert "www-data" in at_home and "/home/ada" in at_home and "setfacl" in at_home


@pytest.mark.parametrize("role", ["api", "worker", "watcher"])
def test_a_role_sees_the_music_in_a_home_and_nothing_else_of_it(machine, at_home, role):
    seen = set(seen_by(machine, role, "/home/ada").split())
    assert seen == ({"Music"} if role == "watcher" else {"Music", "out"})
    assert seen_by(machine, role, "/home").split() == ["ada"]


def test_an_album_is_filed_into_a_home_of_mode_0700(machine, at_home, tmp_path):
    album = drop(machine, Album("Ada", "At Home", 1843, "flac16", (("One", "Two"),)), tmp_path, HOME_MUSIC)
    machine.sh(f"test -s '{HOME_MUSIC}/{album['path']}/01 - One.flac' && test \"$(stat -c %a /home/ada)\" = 700")
    client = Client(machine.address).log_in(ADMIN, PASSWORD)
    client.post(f"/api/me/library/albums/{album['id']}").expect(200)
    assert machine.sh(f"find {HOME_MUSIC}/users/{ADMIN} -name '01 - One.flac' -links 2 | wc -l") == "1\n"


def test_two_settings_open_one_unit_each_for_its_own_folder(machine, at_home):
    writable = machine.show("barbossa-worker.service", "ReadWritePaths")
    assert [path for path in (HOME_MUSIC, "/media/stick", "/home/ada/out") if path not in writable] == [], writable
    client = Client(machine.address).log_in(ADMIN, PASSWORD)
    export = client.post("/api/exports", {"destination": "/home/ada/out/Music", "format": "flac"}).expect(200).json()
    machine.wait_until("the export has ended", lambda: client.get(f"/api/exports/{export['id']}").json()["status"] not in ("pending", "running"), 30)
    machine.sh("cd /home/ada/out/Music && sha256sum --check --quiet --strict SHA256SUMS")


def test_the_doctor_proves_the_workers_rights_and_names_what_nginx_lacks(machine, at_home):
    found = findings(machine)
    assert (found["music"]["verdict"], "for the worker" in found["music"]["detail"]) == ("good", True), found["music"]
    assert (found["nginx"]["verdict"], "setfacl" in found["nginx"]["detail"]) == ("bad", True), found["nginx"]
    machine.sh("chmod 711 /home/ada")
    assert findings(machine)["nginx"]["verdict"] == "good"
    client = Client(machine.address).log_in(ADMIN, PASSWORD)
    (album,) = [album for album in client.albums() if album["title"] == "At Home"]
    client.get(f"/api/albums/{album['id']}/artwork").expect(200)


def test_the_doctor_finds_rights_that_were_taken_away_and_says_the_mend(machine, at_home):
    machine.sh(f"chown root:root {HOME_MUSIC}/artists && chmod 755 {HOME_MUSIC}/artists")
    try:
        found = findings(machine)["music"]
        assert (found["verdict"], "chown" in found["detail"]) == ("bad", True), found
    finally:
        machine.sh(f"chown barbossa:barbossa {HOME_MUSIC}/artists && chmod 2775 {HOME_MUSIC}/artists")
    assert findings(machine)["music"]["verdict"] == "good"


@pytest.fixture(scope="module")
def on_a_disk(machine, at_home):
    """Another mount, as /etc/fstab would make one, and the music moved to it by the command's own steps."""
    unit = "[Mount]\\nWhat=/srv/disk\\nWhere=/mnt/disk\\nType=none\\nOptions=bind\\n"
    machine.sh(f"mkdir -p /srv/disk /mnt/disk && printf '{unit}' >/etc/systemd/system/mnt-disk.mount && systemctl daemon-reload && systemctl start mnt-disk.mount")
    said = machine.run("barbossa", "setup", "music-path", MOUNTED_MUSIC).stdout
    assert f"rsync -aHAX '{HOME_MUSIC}/' '{MOUNTED_MUSIC}/'" in said, said
    # rsync is not on a minimal Debian; cp keeps hard links too. And nothing goes to a home any more.
    machine.sh(f"rm /etc/barbossa/conf.d/exports.toml; systemctl stop barbossa.target && cp -a {HOME_MUSIC}/. {MOUNTED_MUSIC}/ && {RESTART}")
    wait_until_healthy(machine)


def test_a_library_that_moved_to_another_mount_is_the_same_and_grows(machine, on_a_disk, tmp_path):
    drop(machine, Album("Ada", "On A Disk", 1844, "opus", (("One",),)), tmp_path, MOUNTED_MUSIC)
    client = Client(machine.address).log_in(ADMIN, PASSWORD)
    assert {album["title"] for album in client.albums()} == {"At Home", "On A Disk"}
    assert machine.sh(f"find {MOUNTED_MUSIC}/users/{ADMIN} -name '01 - One.flac' -links 2 | wc -l") == "1\n"
    assert findings(machine)["music"]["verdict"] == "good"


def test_no_role_sees_a_home_any_more(machine, on_a_disk):
    assert seen_by(machine, "api", "/home") == ""


def test_the_worker_does_not_write_beneath_a_mount_that_is_away(machine, on_a_disk):
    assert "mnt-disk.mount" in machine.show("barbossa-worker.service", "Requires")
    machine.sh("systemctl stop mnt-disk.mount")
    client = Client(machine.address)
    machine.wait_until("/health says degraded", lambda: client.get("/health").json()["status"] == "degraded", 20)
    assert findings(machine)["music"]["verdict"] == "bad"
    assert machine.sh("ls -A /mnt/disk") == ""
    machine.sh("systemctl start mnt-disk.mount && systemctl start barbossa.target")
    wait_until_healthy(machine)
