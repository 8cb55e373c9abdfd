"""Trouble of every kind: it is told in plain words, nothing is lost, nothing loops, and the rest goes on."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from client import Client
from conftest import ADMIN, MUSIC_DIR, PASSWORD, PENDING_DIR, ROLES, wait_until_healthy
from music import Album

SERVICES = [f"barbossa-{role}.service" for role in ROLES]


@pytest.fixture(scope="module")
def albums(tmp_path_factory) -> Path:
    """A folder with twelve small albums."""
    folder = tmp_path_factory.mktemp("albums")
    for number in range(12):
        Album(f"Sailor {number}", f"Voyage {number}", 1700 + number, "opus", (("Out", "Home"),), 1).make(folder)
    return folder


def drop(machine, source: Path, name: str) -> None:
    """Put a folder into the inbox at once, as a member of the household."""
    machine.put(source, f"/srv/drop/{name}")
    machine.sh(f"chmod -R a+rX '/srv/drop/{name}'")
    machine.sh(f"umask 002; cp -r --no-preserve=mode '/srv/drop/{name}' {PENDING_DIR}/", user="mate")


def checksums_of_music(machine) -> list:
    """The checksum of every audio file anywhere beneath the music folder, each inode once."""
    said = machine.sh(f"cd {MUSIC_DIR} && find . -type f \\( -name '*.opus' -o -name '*.flac' -o -name '*.mp3' \\) -links 1 -exec sha256sum {{}} +")
    return sorted(line.split()[0] for line in said.splitlines())


def checksums_of(folder: Path) -> list:
    return sorted(hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.rglob("*.opus"))


def test_twelve_albums_survive_kills_of_the_worker_while_they_are_filed(machine, client, albums):
    drop(machine, albums, "fleet")
    deadline = time.monotonic() + 60
    wanted = {f"Voyage {number}" for number in range(12)}
    kills = 0
    while not wanted <= {album["title"] for album in client.albums()}:
        assert time.monotonic() < deadline, sorted(wanted - {album["title"] for album in client.albums()})
        if kills < 8:
            machine.run("systemctl", "kill", "--signal=KILL", "barbossa-worker.service", check=False)
            kills += 1
            time.sleep(0.3 + 0.17 * kills)
    machine.wait_until("nothing waits in the inbox", lambda: machine.sh(f"find {PENDING_DIR} -name '*.opus'") == "", 20)
    assert checksums_of_music(machine) == checksums_of(albums)


def test_the_plug_is_pulled_and_the_library_is_whole_after_the_next_start(machine, client, albums):
    before = checksums_of_music(machine)
    machine.pull_plug()
    machine.boot()
    wait_until_healthy(machine)
    assert checksums_of_music(machine) == before
    assert len(Client(machine.address).log_in(ADMIN, PASSWORD).albums()) == 12


def test_postgresql_is_down_at_boot_and_all_is_well_when_it_comes(machine):
    machine.sh("systemctl disable --quiet postgresql.service; systemctl mask --quiet postgresql@17-main.service")
    try:
        machine.reboot()
        assert Client(machine.address).get("/health").status == 503
        restarts = {unit: machine.show(unit, "NRestarts") for unit in SERVICES}
        time.sleep(3)
        assert {unit: machine.show(unit, "NRestarts") for unit in SERVICES} == restarts, "crash loop"
        assert "PostgreSQL" in machine.show("barbossa-worker.service", "StatusText")
    finally:
        machine.sh("systemctl unmask --quiet postgresql@17-main.service; systemctl enable --quiet postgresql.service; systemctl start postgresql@17-main.service")
    wait_until_healthy(machine, 15)


def test_redis_is_down_at_boot_and_the_rest_works(machine, client):
    machine.sh("systemctl mask --quiet barbossa-redis.service")
    try:
        machine.reboot()
        machine.wait_until("/health says degraded", lambda: Client(machine.address).get("/health").json()["status"] == "degraded", 20)
        client.get("/api/albums").expect(200)
    finally:
        machine.sh("systemctl unmask --quiet barbossa-redis.service; systemctl start barbossa-redis.service")
    wait_until_healthy(machine)


def test_wrong_settings_are_all_named_at_once_and_no_unit_starts_with_them(machine):
    machine.sh("""mkdir -p /etc/barbossa/conf.d
        printf 'database_url = "nonsense"\\nlog_level = "loud"\\nmusic_pth = "/x"\\n' >/etc/barbossa/conf.d/wrong.toml""")
    try:
        judged = machine.run("barbossa", "check-config", check=False)
        said = judged.stdout + judged.stderr
        assert judged.returncode == 1
        assert [key for key in ("database_url", "log_level", "music_pth") if key not in said] == [], said
        assert machine.run("systemctl", "restart", "barbossa-beat.service", check=False).returncode != 0
        assert "database_url" in machine.journal("--unit=barbossa-beat.service", "--since=-1min")
    finally:
        machine.sh("rm /etc/barbossa/conf.d/wrong.toml; systemctl restart barbossa-beat.service")
    wait_until_healthy(machine)


def test_a_database_that_is_not_there_is_said_in_the_status_and_loops_nothing(machine):
    machine.sh("""mkdir -p /etc/barbossa/conf.d
        echo 'database_url = "postgresql://barbossa@%2Frun%2Fpostgresql/elsewhere"' >/etc/barbossa/conf.d/elsewhere.toml
        systemctl restart --no-block barbossa-worker.service""")
    try:
        machine.wait_until("the status names PostgreSQL", lambda: "PostgreSQL" in machine.show("barbossa-worker.service", "StatusText"), 15)
        pid = machine.show("barbossa-worker.service", "MainPID")
        time.sleep(3)
        assert machine.show("barbossa-worker.service", "MainPID") == pid
    finally:
        machine.sh("rm /etc/barbossa/conf.d/elsewhere.toml; systemctl restart barbossa-worker.service")
    wait_until_healthy(machine)


def test_incomplete_tags_wait_for_a_person_with_the_reason(machine, client, tmp_path):
    folder = Album("", "", 0, "opus", (("",),), 1).make(tmp_path)
    drop(machine, folder.rename(tmp_path / "nameless"), "nameless")
    reviews = machine.wait_until("a review is there", lambda: client.get("/api/import/review").expect(200).json(), 20)
    assert "nameless" in str(reviews)
    assert machine.sh(f"find {MUSIC_DIR}/import/review -name '*.opus' | wc -l") == "1\n"


@pytest.mark.parametrize("name, content", [("zero.flac", b""), ("photo.mp3", b"\xff\xd8\xff\xe0" + bytes(2000)), ("cut.flac", b"fLaC" + bytes(50))], ids=["zero-bytes", "a-photo", "cut-off"])
def test_what_is_no_audio_is_rejected_with_the_reason_beside_it(machine, tmp_path, name, content):
    folder = tmp_path / f"bad-{name}"
    folder.mkdir()
    (folder / name).write_bytes(content)
    drop(machine, folder, folder.name)
    rejected = f"{MUSIC_DIR}/import/rejected"
    # Later than good music: what cannot be read yet may still be on its way.
    machine.wait_until("it is rejected", lambda: name in machine.sh(f"find {rejected} -type f"), 45)
    digest = hashlib.sha256(content).hexdigest()
    assert digest in machine.sh(f"find {rejected} -type f -exec sha256sum {{}} +"), "the rejected file is not the dropped one"
    assert machine.sh(f"find {rejected} -path '*{folder.name}*' -name '*.txt' -size +0") != "", machine.sh(f"find {rejected}")


def test_an_empty_folder_harms_nothing(machine, client):
    machine.sh(f"umask 002; mkdir {PENDING_DIR}/empty", user="mate")
    time.sleep(1)
    assert machine.sh("systemctl --failed --plain --no-legend") == ""


def test_tags_cannot_lead_out_of_the_library(machine, client, tmp_path):
    drop(machine, Album("../../../etc", "../../outside", 1999, "opus", (("../x", "/etc/passwd"),), 1).make(tmp_path), "outside")
    machine.wait_until("the folder is taken", lambda: machine.sh(f"find {PENDING_DIR} -name '*.opus'") == "", 20)
    assert machine.sh("find / -xdev -path /proc -prune -o -path /srv -prune -o -type f -name '*.opus' -print | grep -v '^/var/lib/barbossa/music/' || true") == ""
    assert machine.sh(f"find {MUSIC_DIR} -name '..*' -print; find {MUSIC_DIR} -maxdepth 1 -newer {MUSIC_DIR}/import -name outside") == ""


def test_names_of_255_bytes_and_of_no_encoding_are_filed(machine, client, tmp_path):
    folder = Album("Longest", "Names", 2001, "opus", (("a" * 100, "b" * 100),), 1).make(tmp_path)
    first, second = sorted(folder.glob("*.opus"))
    first.rename(folder / ("n" * 250 + ".opus"))
    os.rename(bytes(second), bytes(folder) + b"/\xff\xfe bad.opus")
    drop(machine, folder, "longest")
    listed = client.wait_for_album("Names", 20)
    assert len(client.get(f"/api/albums/{listed['id']}").json()["tracks"]) == 2


@pytest.mark.parametrize("title", ["÷", "×", "( )"])
def test_a_title_of_signs_is_an_album_like_any_other(machine, client, tmp_path, title):
    drop(machine, Album("Signs", title, 2011, "opus", (("One",),), 1).make(tmp_path), f"signs-{title.encode().hex()}")
    client.wait_for_album(title, 20)


def test_two_albums_of_one_name_by_two_artists_are_two(machine, client, tmp_path):
    for artist in ("First Mate", "Second Mate"):
        drop(machine, Album(artist, "Greatest Hits", 1990, "opus", (("Hit",),), 1).make(tmp_path), artist.replace(" ", "-"))
    machine.wait_until("both are there", lambda: {album["artist_name"] for album in client.albums() if album["title"] == "Greatest Hits"} == {"First Mate", "Second Mate"}, 20)


def test_twenty_wrong_passwords_are_refused_and_the_door_stays_usable(machine):
    stranger = Client(machine.address)
    statuses = [stranger.post("/api/auth/login", {"username": ADMIN, "password": f"guess {number}"}).status for number in range(20)]
    assert set(statuses) <= {401, 429}
    assert statuses[0] == 401
    assert 429 in statuses
    journal = machine.journal("--unit=barbossa-api", "--since=-2min")
    assert "guess" not in journal


def test_a_second_watcher_does_no_harm(machine, client, tmp_path):
    second = machine.spawn("runuser", "-u", "barbossa", "--", "timeout", "15", "barbossa", "watcher")
    try:
        drop(machine, Album("Twins", "Seen Twice", 1980, "opus", (("One", "Two"),), 1).make(tmp_path), "twins")
        client.wait_for_album("Seen Twice", 20)
        time.sleep(2)
        assert [album["title"] for album in client.albums()].count("Seen Twice") == 1
    finally:
        second.terminate()
        second.wait()


def test_a_full_disk_loses_nothing_and_the_import_ends_when_there_is_room(machine, client, tmp_path):
    machine.sh(f"""systemctl stop barbossa-worker.service barbossa-fetch.service barbossa-watcher.service
        cp -p {MUSIC_DIR}/.barbossa-library /run/marker
        mount -t tmpfs -o size=6m,mode=2775,uid=$(id -u barbossa),gid=$(id -g barbossa) tmpfs {MUSIC_DIR}
        cp -p /run/marker {MUSIC_DIR}/.barbossa-library
        systemctl start barbossa-worker.service barbossa-fetch.service barbossa-watcher.service""")
    try:
        machine.wait_until("the folders are made", lambda: machine.run("test", "-d", PENDING_DIR, check=False).returncode == 0, 20)
        folder = Album("Deep", "Hold", 1999, "opus", (("One", "Two"),), 2).make(tmp_path)
        drop(machine, folder, "hold")
        machine.sh(f"head -c 10M /dev/zero >{MUSIC_DIR}/ballast || true")
        time.sleep(6)
        assert checksums_of_music(machine) == checksums_of(folder)
        machine.sh(f"rm {MUSIC_DIR}/ballast")
        client.wait_for_album("Hold", 60)
        assert checksums_of_music(machine) == checksums_of(folder)
    finally:
        machine.sh(f"""systemctl stop barbossa-worker.service barbossa-fetch.service barbossa-watcher.service
            umount {MUSIC_DIR}
            systemctl start barbossa-worker.service barbossa-fetch.service barbossa-watcher.service""")


def test_an_inbox_on_another_file_system_is_emptied_by_copying(machine, client, tmp_path):
    roles = "barbossa-worker.service barbossa-fetch.service barbossa-watcher.service"
    machine.sh(f"""systemctl stop {roles}
        mount -t tmpfs -o size=50m,mode=2775,uid=$(id -u barbossa),gid=$(id -g barbossa) tmpfs {MUSIC_DIR}/import
        systemctl start {roles}""")
    try:
        machine.wait_until("the inbox is made", lambda: machine.run("test", "-d", PENDING_DIR, check=False).returncode == 0, 20)
        folder = Album("Far", "Shore", 1999, "opus", (("One", "Two"),), 2).make(tmp_path)
        drop(machine, folder, "shore")
        client.wait_for_album("Shore", 20)
        assert set(checksums_of(folder)) <= set(checksums_of_music(machine))
        machine.wait_until("nothing waits in the inbox", lambda: machine.sh(f"find {PENDING_DIR} -name '*.opus'") == "", 10)
    finally:
        machine.sh(f"systemctl stop {roles}; umount {MUSIC_DIR}/import; systemctl start {roles}")


def test_what_may_not_be_moved_is_copied_and_the_journal_says_how_to_let_it_go(machine, client, tmp_path):
    folder = Album("Quartermaster", "Root's Own", 1718, "opus", (("One",),), 1).make(tmp_path)
    machine.put(folder, "/srv/drop/root")
    machine.sh(f"umask 022; cp -r /srv/drop/root {PENDING_DIR}/; chmod -R g-w {PENDING_DIR}/root")
    advice = f"chmod -R g+w '{PENDING_DIR}/root'"
    client.wait_for_album("Root's Own", 30)
    machine.wait_until("the journal says what to do", lambda: advice in machine.journal("--unit=barbossa-worker"), 20)
    assert machine.sh(f"find {PENDING_DIR}/root -name '*.opus'") != "", "the originals are where they were"
    machine.sh(advice)
    # No event tells of a change of rights: the sweep finds it, once a minute.
    machine.wait_until("the originals are gone", lambda: machine.run("test", "-d", f"{PENDING_DIR}/root", check=False).returncode != 0, 75)


def test_no_unit_has_failed_after_all_of_this(machine):
    assert machine.sh("systemctl list-units --failed --plain --no-legend 'barbossa*'") == ""
