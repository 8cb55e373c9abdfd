"""Music goes in and comes out: dropped folders are filed once they are whole, are found, heard, seen, and given to a member."""

import hashlib
import shutil
import time
from pathlib import Path

import pytest

import music
from client import Client
from conftest import ADMIN, MUSIC_DIR, PASSWORD, PENDING_DIR

COPYING_SECONDS = 8
FILED_WITHIN_SECONDS = 5
TYPES = {"flac16": "audio/flac", "flac24": "audio/flac", "mp3": "audio/mpeg", "ogg": "audio/ogg", "opus": "audio/ogg", "m4a": "audio/mp4"}
by_format = pytest.mark.parametrize("album", music.DEMO, ids=lambda album: album.format)


@pytest.fixture(scope="module")
def copied(machine) -> dict:
    """All demo albums, copied slowly and at the same time. By title: when the copying ended, and when the list first showed it."""
    client = Client(machine.address).log_in(ADMIN, PASSWORD)
    machine.put(music.demo_dir(), "/srv/music")
    copying = {
        album.title: machine.spawn(
            "runuser", "-u", "mate", "--", "perl", "/usr/local/bin/slow-copy", COPYING_SECONDS, PENDING_DIR,
            f"/srv/music/{album.artist} - {album.title}",
        )
        for album in music.DEMO
    }
    ended_at, seen_at, deadline = {}, {}, time.monotonic() + COPYING_SECONDS + 30
    while len(seen_at) < len(copying) and time.monotonic() < deadline:
        for title, process in copying.items():
            if title not in ended_at and process.poll() is not None:
                assert process.returncode == 0
                ended_at[title] = time.monotonic()
        for album in client.albums():
            seen_at.setdefault(album["title"], time.monotonic())
        time.sleep(0.05)
    return {title: (ended_at.get(title), seen_at.get(title)) for title in copying}


@pytest.fixture
def found(copied, client):
    """The album as the API details it, by title."""
    def find(title: str) -> dict:
        listed = client.wait_for_album(title, 1)
        return client.get(f"/api/albums/{listed['id']}").expect(200).json()

    return find


@by_format
def test_an_album_is_not_filed_while_it_is_copied(copied, album):
    ended_at, seen_at = copied[album.title]
    assert seen_at is None or seen_at > ended_at


@by_format
def test_an_album_is_in_the_list_within_five_seconds_after_its_copying(copied, album):
    ended_at, seen_at = copied[album.title]
    assert seen_at is not None
    assert seen_at - ended_at <= FILED_WITHIN_SECONDS


@by_format
def test_an_album_is_filed_under_its_artist_and_year(machine, copied, album):
    folder = f"{MUSIC_DIR}/artists/{album.artist}/{album.title} ({album.year})"
    names = machine.sh(f"cd '{folder}' && find . -type f | sort")
    for disc, titles in enumerate(album.discs, 1):
        for number, title in enumerate(titles, 1):
            assert f"{number:02} - {title}." in names or f"{disc}-{number:02} - {title}." in names, names


@by_format
def test_every_byte_of_the_music_is_what_was_dropped(machine, copied, album):
    dropped = sorted(
        hashlib.sha256(file.read_bytes()).hexdigest()
        for file in (music.demo_dir() / f"{album.artist} - {album.title}").rglob(f"*.{music.FORMATS[album.format][0]}")
    )
    filed = machine.sh(f"find '{MUSIC_DIR}/artists/{album.artist}' -name '*.{music.FORMATS[album.format][0]}' -exec sha256sum {{}} + | cut -d' ' -f1 | sort")
    assert filed.split() == dropped


@by_format
def test_an_album_has_all_its_tracks_and_discs(found, album):
    detail = found(album.title)
    assert (detail["artist_name"], detail["year"], detail["disc_count"]) == (album.artist, album.year, len(album.discs))
    assert [(track["disc_number"], track["track_number"], track["title"]) for track in detail["tracks"]] == [
        (disc, number, title) for disc, titles in enumerate(album.discs, 1) for number, title in enumerate(titles, 1)
    ]


@pytest.mark.parametrize("format, sample_rate_hz, bit_depth, is_lossy", [
    ("flac16", 44100, 16, False), ("flac24", 96000, 24, False), ("mp3", 48000, None, True), ("m4a", 48000, None, True),
])
def test_quality_is_told_as_it_is(found, format, sample_rate_hz, bit_depth, is_lossy):
    track = found(next(album.title for album in music.DEMO if album.format == format))["tracks"][0]
    assert (track["sample_rate"], track["bit_depth"], track["is_lossy"]) == (sample_rate_hz, bit_depth, is_lossy)


@by_format
def test_a_track_streams_with_a_range_through_nginx_and_on_8080(machine, client, found, album):
    track = found(album.title)["tracks"][0]
    path, whole = f"/api/tracks/{track['id']}/stream", machine.path(f"{MUSIC_DIR}/{track['path']}").read_bytes()
    part = client.get(path, headers={"Range": "bytes=1000-1999"}).expect(206)
    assert part.body == whole[1000:2000]
    assert part.headers["content-range"] == f"bytes 1000-1999/{len(whole)}"
    assert part.headers["content-type"].split(";")[0] == TYPES[album.format]
    assert client.get(path).expect(200).body == whole
    client.get(path, headers={"Range": f"bytes={len(whole)}-"}).expect(416)
    direct = machine.sh(f"""curl --silent --fail --range 1000-1999 --output /tmp/part --write-out '%{{http_code}} %{{content_type}}' \
        --header 'Authorization: Bearer {client.token}' http://localhost:8080{path}""")
    assert direct.split(";")[0] == f"206 {TYPES[album.format]}"
    assert machine.path("/tmp/part").read_bytes() == whole[1000:2000]


def test_music_and_covers_need_a_session(machine, found):
    album = found(music.DEMO[0].title)
    stranger = Client(machine.address)
    for path in (f"/api/tracks/{album['tracks'][0]['id']}/stream", f"/api/albums/{album['id']}/artwork", "/api/albums"):
        stranger.get(path).expect(401)
    stranger.get(f"/_music/{album['tracks'][0]['path']}").expect(404)


@by_format
def test_an_album_shows_its_cover(client, found, album):
    cover = client.get(f"/api/albums/{found(album.title)['id']}/artwork").expect(200)
    assert cover.headers["content-type"] == "image/jpeg"
    assert cover.body[:2] == b"\xff\xd8"


@pytest.mark.parametrize("query, title", [
    ("silver harb", "Silver Harbour"), ("zoe orsted", "Ágætis dagar"), ("полночь", "Полночь на рейде"), ("夜の航海", "夜の航海"), ("÷", "÷"), ("椎名", "夜の航海"),
])
def test_search_finds_what_people_type(copied, client, query, title):
    found = client.get(f"/api/search?q={query}").expect(200).json()
    assert title in [album["title"] for album in found["albums"]], found


def test_pages_hold_every_album_once(copied, client):
    titles = []
    for page in (1, 2, 3, 4):
        answer = client.get(f"/api/albums?limit=2&page={page}").expect(200).json()
        assert (answer["page"], answer["limit"], answer["total"]) == (page, 2, len(music.DEMO))
        titles += [album["title"] for album in answer["items"]]
    assert sorted(titles) == sorted(album.title for album in music.DEMO)


@by_format
def test_a_heart_links_the_same_files_before_it_answers(machine, client, found, album):
    detail = found(album.title)
    client.post(f"/api/me/library/albums/{detail['id']}").expect(200)
    inodes = "find . -type f -printf '%i %P\\n' | sort"
    master = machine.sh(f"cd {MUSIC_DIR}/artists && find '{album.artist}/{album.title} ({album.year})' -type f -printf '%i %p\\n' | sort")
    given = machine.sh(f"cd {MUSIC_DIR}/users/{ADMIN} && find '{album.artist}/{album.title} ({album.year})' -type f -printf '%i %p\\n' | sort")
    assert given == master != ""
    before = machine.sh(f"cd {MUSIC_DIR}/artists && {inodes}")
    client.delete(f"/api/me/library/albums/{detail['id']}").expect(200)
    assert machine.sh(f"find {MUSIC_DIR}/users/{ADMIN} -path '*{album.title}*' 2>/dev/null || true") == ""
    assert machine.sh(f"cd {MUSIC_DIR}/artists && {inodes}") == before


def test_a_member_sees_their_own_hearts_only(machine, client, found):
    machine.run("barbossa", "user", "add", "anne", "--password-stdin", stdin=f"{PASSWORD}\n")
    anne = Client(machine.address).log_in("anne", PASSWORD)
    album = found(music.DEMO[1].title)
    anne.post(f"/api/me/library/albums/{album['id']}").expect(200)
    assert [item["title"] for item in anne.get("/api/me/library").expect(200).json()["items"]] == [album["title"]]
    assert client.get("/api/me/library").expect(200).json()["items"] == []
    machine.sh(f"test -d '{MUSIC_DIR}/users/anne/{music.DEMO[1].artist}' && test ! -e '{MUSIC_DIR}/users/{ADMIN}/{music.DEMO[1].artist}'")


def test_an_album_is_not_filed_while_its_copying_has_stalled_within_a_file(machine, copied, client, tmp_path):
    album = music.Album("Mary Read", "Becalmed", 1721, "flac16", (("One", "Two"),), 5)
    folder = album.make(tmp_path)
    machine.put(folder, f"/srv/music/{folder.name}")
    copying = machine.spawn("runuser", "-u", "mate", "--", "env", "STALL_SECONDS=9", "perl", "/usr/local/bin/slow-copy", 2, PENDING_DIR, f"/srv/music/{folder.name}")
    while copying.poll() is None:
        assert album.title not in {listed["title"] for listed in client.albums()}
        time.sleep(0.1)
    listed = client.wait_for_album(album.title, FILED_WITHIN_SECONDS)
    assert listed["available_tracks"] == album.track_count


def test_a_zip_that_a_member_drops_is_filed_as_its_album(machine, copied, client, tmp_path):
    album = music.Album("Bartholomew Roberts", "Royal Fortune", 1720, "flac16", (("One", "Two"),))
    folder = album.make(tmp_path)
    packed = shutil.make_archive(str(tmp_path / folder.name), "zip", folder)
    machine.put(Path(packed), f"/srv/music/{folder.name}.zip")
    machine.sh(f"cp '/srv/music/{folder.name}.zip' {PENDING_DIR}/", user="mate")
    assert client.wait_for_album(album.title, 30)["available_tracks"] == album.track_count
    names = machine.sh(f"ls '{MUSIC_DIR}/artists/{album.artist}/{album.title} ({album.year})'").split("\n")
    assert [name for name in names if name] == ["01 - One.flac", "02 - Two.flac", "cover.jpg"]


def test_the_inbox_is_empty_at_the_end(machine, copied):
    machine.wait_until("nothing waits in the inbox", lambda: machine.sh(f"find {PENDING_DIR} -mindepth 1") == "", 5)


def test_the_journal_holds_no_error_after_a_healthy_day(machine, copied):
    assert machine.journal("--priority=err", "--unit=barbossa*", "--unit=nginx", "--unit=postgresql*") == ""
