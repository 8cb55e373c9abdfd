"""From every earlier version in a repository to this one, with a family's data in it.

Which: the packages of BARBOSSA_REPOSITORY (made by `./dev apt-repo`), or, where none is named, this version under a lower number.
"""

import os
from pathlib import Path

import pytest

import package as packaging
import up
from client import Client
from conftest import ADMIN, MUSIC_DIR, PASSWORD, PENDING_DIR, name_of_machine, wait_until_healthy
from machine import Machine
from music import Album

REPOSITORY = os.environ.get("BARBOSSA_REPOSITORY")
EARLIER = sorted(Path(REPOSITORY).glob("pool/main/barbossa_*.deb")) if REPOSITORY else [None]
ALBUM = Album("Grace O'Malley", "From Long Ago", 1593, "flac16", (("One", "Two"),), 1)


def facts(machine) -> dict:
    """What the family has, whatever the version: users, albums, hearts, and each file with its inode and content."""
    client = Client(machine.address).log_in(ADMIN, PASSWORD)
    return {
        "albums": [(album["id"], album["title"]) for album in client.albums()],
        "hearts": [album["title"] for album in client.get("/api/me/library").expect(200).json()["items"]],
        "library": machine.sh("runuser -u postgres -- psql -d barbossa -Atc 'select id from library; select username from app_user order by id'"),
        "secret": machine.sh("sha256sum /etc/barbossa/credentials/jwt-secret"),
        "files": machine.sh(f"cd {MUSIC_DIR} && find artists users -type f -printf '%i ' -exec sha256sum {{}} + | sort"),
    }


@pytest.mark.parametrize("earlier", EARLIER, ids=lambda deb: deb.stem if deb else "this-one")
def test_an_upgrade_keeps_everything_that_the_family_has(deb, earlier, tmp_path):
    if earlier is None:
        earlier = packaging.variant(deb, "0.0.9", tmp_path)
    with Machine.fresh(name_of_machine("earlier"), up.neighbours(deb)) as machine:
        machine.publish(earlier, deb)
        version = packaging.version_of(earlier)
        machine.apt("install", f"barbossa={version}")
        wait_until_healthy(machine, 60)
        machine.run("barbossa", "user", "add", ADMIN, "--admin", "--password-stdin", stdin=f"{PASSWORD}\n")
        machine.put(ALBUM.make(tmp_path), "/srv/album")
        machine.sh(f"cp -r --no-preserve=mode /srv/album {PENDING_DIR}/new && chown -R barbossa:barbossa {PENDING_DIR}/new")
        client = Client(machine.address).log_in(ADMIN, PASSWORD)
        album = client.wait_for_album(ALBUM.title, 30)
        client.post(f"/api/me/library/albums/{album['id']}").expect(200)
        before = facts(machine)
        machine.apt("install", f"barbossa={packaging.version_of(deb)}")
        wait_until_healthy(machine, 60)
        assert facts(machine) == before
        assert machine.sh("systemctl list-units --failed --plain --no-legend 'barbossa*'") == ""
        # And the backup of the earlier version is one of this version, too.
        machine.run("systemctl", "start", "barbossa-backup.service", "barbossa-restore-drill.service")
