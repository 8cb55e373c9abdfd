"""What makes people trust it with their only copy: better copies, reviews, edits, the trash, rescans and damage, on the booted machine."""

import hashlib
import json
import time

import pytest

from conftest import MUSIC_DIR, PENDING_DIR
from music import Album
from test_trouble import drop

RELEASE = (("MUSICBRAINZ_ALBUMID", "5a6f5c1e-0000-4000-8000-000000000001"),)


def json_of(machine, command: str):
    return json.loads(machine.sh(f"barbossa {command} --json"))


def tracks_of(client, album: dict) -> list:
    return client.get(f"/api/albums/{album['id']}/tracks").expect(200).json()


def inode(machine, path: str) -> str:
    return machine.sh(f"stat -c %i '{path}'").strip()


def test_a_better_copy_takes_the_place_and_keeps_ids_hearts_and_links(machine, client, tmp_path):
    poor = Album("Anne Bonny", "Better", 1720, "mp3", (("One", "Two"),), 3, (("MusicBrainz Album Id", RELEASE[0][1]),)).make(tmp_path / "poor")
    good = Album("Anne Bonny", "Better", 1720, "flac24", (("One", "Two"),), 3, RELEASE).make(tmp_path / "good")
    drop(machine, poor, "poor")
    album = client.wait_for_album("Better", 20)
    before = tracks_of(client, album)
    client.post(f"/api/me/library/albums/{album['id']}").expect(200)
    drop(machine, good, "good")
    machine.wait_until("the better copy is there", lambda: all(t["format"] == "FLAC" for t in tracks_of(client, album)), 20)
    after = tracks_of(client, album)
    assert [t["id"] for t in after] == [t["id"] for t in before]
    assert all(t["is_hearted"] for t in after)
    for track in after:
        master = f"{MUSIC_DIR}/{track['path']}"
        assert inode(machine, master) == inode(machine, master.replace("/artists/", "/users/captain/"))
    machine.wait_until("the old copy is in the trash", lambda: machine.sh(f"find {MUSIC_DIR}/.trash -name '*.mp3' | wc -l").strip() == "2", 10)
    (entry,) = [e for e in client.get("/api/trash").expect(200).json()["items"] if e["kind"] == "replaced"]
    assert entry["file_count"] == 2 and entry["title"] == "Better"


def test_what_only_looks_alike_waits_and_is_approved_by_a_person(machine, client, tmp_path):
    drop(machine, Album("Calico Jack", "Alike", 1718, "mp3", (("One",),)).make(tmp_path / "a"), "alike")
    client.wait_for_album("Alike", 20)
    drop(machine, Album("Calico Jack", "Alike", 1718, "flac16", (("One",),), 5).make(tmp_path / "b"), "alike again")
    machine.wait_until("it waits for a person", lambda: len(json_of(machine, "review list")) == 1, 20)
    (review,) = json_of(machine, "review list")
    shown = machine.sh(f"barbossa review show {review['id']}")
    assert "Calico Jack" in shown and "Alike" in shown
    machine.sh(f"barbossa review approve {review['id']} --replace")
    album = client.wait_for_album("Alike", 5)
    machine.wait_until("the person's copy is there", lambda: tracks_of(client, album)[0]["format"] == "FLAC", 10)


def test_an_edit_renames_files_and_its_undo_restores_every_byte(machine, client, tmp_path):
    drop(machine, Album("Edward Low", "Typo", 1722, "flac16", (("Won", "Too"),)).make(tmp_path), "typo")
    album = client.wait_for_album("Typo", 20)
    client.post(f"/api/me/library/albums/{album['id']}").expect(200)
    folder = f"{MUSIC_DIR}/{album['path']}"
    before = machine.sh(f"cd '{folder}' && find . -type f -exec sha256sum {{}} + | sort")
    client.request("PUT", f"/api/metadata/albums/{album['id']}", {"title": "No Typo", "year": 1723}).expect(200)
    edited = client.wait_for_album("No Typo", 5)
    assert edited["id"] == album["id"] and edited["path"].endswith("/No Typo (1723)")
    machine.sh(f"test -d '{MUSIC_DIR}/users/captain/Edward Low/No Typo (1723)' && test ! -e '{folder}'")
    newest = client.get("/api/edits").expect(200).json()["items"][0]
    client.post(f"/api/edits/{newest['id']}/undo").expect(200)
    client.wait_for_album("Typo", 5)
    assert machine.sh(f"cd '{folder}' && find . -type f -exec sha256sum {{}} + | sort") == before


def test_a_deleted_album_comes_back_from_the_trash_with_its_hearts(machine, client, tmp_path):
    drop(machine, Album("Jack Ward", "Regretted", 1603, "opus", (("One", "Two"),)).make(tmp_path), "regretted")
    album = client.wait_for_album("Regretted", 20)
    client.post(f"/api/me/library/albums/{album['id']}").expect(200)
    client.delete(f"/api/albums/{album['id']}").expect(200)
    client.get(f"/api/albums/{album['id']}").expect(404)
    machine.sh(f"test ! -e '{MUSIC_DIR}/{album['path']}' && test ! -e '{MUSIC_DIR}/users/captain/Jack Ward'")
    (entry,) = [e for e in client.get("/api/trash").expect(200).json()["items"] if e["title"] == "Regretted"]
    client.post(f"/api/trash/{entry['id']}/restore").expect(200)
    back = client.get(f"/api/albums/{album['id']}").expect(200).json()
    assert back["is_hearted"] and back["available_tracks"] == 2
    machine.wait_until("its links are back", lambda: machine.run("test", "-d", f"{MUSIC_DIR}/users/captain/Jack Ward/Regretted (1603)", check=False).returncode == 0, 5)


def test_covers_are_served_small_by_nginx_and_an_upload_takes_their_place(machine, client, tmp_path):
    drop(machine, Album("Henry Every", "Fancy", 1694, "flac16", (("One",),)).make(tmp_path), "fancy")
    album = client.wait_for_album("Fancy", 20)
    url = f"/api/albums/{album['id']}/artwork"
    whole = client.get(url).expect(200)
    machine.wait_until("the thumbnail is made", lambda: len(client.get(f"{url}?size=200").expect(200).body) < len(whole.body), 20)
    version = client.get(f"/api/albums/{album['id']}").expect(200).json()["artwork_version"]
    assert "immutable" in client.get(f"{url}?size=200&v={version}").expect(200).headers["cache-control"]
    other = (tmp_path / next(tmp_path.iterdir()).name / "cover.jpg").read_bytes()
    picture = machine_made_picture(tmp_path)
    client.request("PUT", url, picture, headers={"Content-Type": "image/png"}).expect(200)
    machine.wait_until("the new cover is shown", lambda: client.get(url).expect(200).body[:3] == b"\xff\xd8\xff" and client.get(url).body != whole.body, 10)
    client.delete(url).expect(200)
    assert client.get(url).expect(200).body == other


def machine_made_picture(tmp_path) -> bytes:
    """A wide PNG, to be cropped and converted."""
    import subprocess

    made = tmp_path / "wide.png"
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=900x600", "-frames:v", "1", str(made)], check=True)
    return made.read_bytes()


def test_a_rescan_follows_what_other_programs_did(machine, client, tmp_path):
    drop(machine, Album("Samuel Bellamy", "Whydah", 1717, "flac16", (("One", "Two"),)).make(tmp_path), "whydah")
    album = client.wait_for_album("Whydah", 20)
    before = tracks_of(client, album)
    moved = f"{MUSIC_DIR}/artists/Samuel Bellamy/Elsewhere"
    machine.sh(f"mkdir '{moved}' && mv '{MUSIC_DIR}/{album['path']}'/* '{moved}/' && rmdir '{MUSIC_DIR}/{album['path']}' && chown -R barbossa:barbossa '{moved}'")
    said = machine.sh("barbossa library rescan --dry-run")
    assert "2" in said
    assert [t["path"] for t in tracks_of(client, album)] == [t["path"] for t in before], "a dry run changes nothing"
    machine.sh("barbossa library rescan")
    after = tracks_of(client, album)
    assert [t["id"] for t in after] == [t["id"] for t in before]
    assert all("/Elsewhere/" in t["path"] for t in after)


def test_one_flipped_bit_is_found_and_shown(machine, client, tmp_path):
    drop(machine, Album("William Kidd", "Rot", 1701, "flac16", (("One",),)).make(tmp_path), "rot")
    album = client.wait_for_album("Rot", 20)
    path = f"{MUSIC_DIR}/{tracks_of(client, album)[0]['path']}"
    flip = "import os,sys; p=sys.argv[1]; s=os.stat(p); f=open(p,'r+b'); f.seek(s.st_size//2); b=f.read(1); f.seek(s.st_size//2); f.write(bytes([b[0]^4])); f.close(); os.utime(p, ns=(s.st_atime_ns, s.st_mtime_ns))"
    machine.sh(f"perl -e 'my ($p)=@ARGV; my @s=stat $p; open my $f,\"+<\",$p or die; seek $f,$s[7]/2,0; read $f,my $b,1; seek $f,$s[7]/2,0; print $f chr(ord($b)^4); close $f; utime $s[8],$s[9],$p' '{path}'")
    assert flip  # The same in Python, for a machine that has it.
    machine.run("barbossa", "integrity", "verify", "--all", check=False)
    damages = json_of(machine, "integrity list")
    assert [d["path"] for d in damages] == [path.removeprefix(f"{MUSIC_DIR}/")]
    machine.wait_until("/health says so", lambda: client.get("/health").json()["status"] == "degraded", 10)
    assert path.rsplit("/", 1)[1] in machine.journal("--unit=barbossa-worker", "--priority=err")


@pytest.mark.parametrize("command", ["review list", "trash list", "edit list", "integrity status", "import list", "library duplicates", "library incomplete"])
def test_every_list_is_there_for_people_and_for_programs(machine, command):
    assert machine.sh(f"barbossa {command}").strip()
    json_of(machine, command)


def test_nothing_has_failed_after_all_of_this(machine):
    assert machine.sh("systemctl list-units --failed --plain --no-legend 'barbossa*'") == ""


_ = (hashlib, time)
