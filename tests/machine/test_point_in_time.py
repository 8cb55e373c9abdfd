"""Back to a minute: the recipe of backups/README.md, typed as it stands there, with Debian's pgBackRest."""

import re
from pathlib import Path

from client import Client
from conftest import ADMIN, MUSIC_DIR, PASSWORD, PENDING_DIR, wait_until_healthy
from music import Album

ALBUM = Album("Grace O'Malley", "The Minute Before", 1593, "mp3")
README = Path(__file__).parents[2] / "backups/README.md"


def recipes() -> list:
    """The two blocks of commands of the section."""
    section = README.read_text().split("## Minutes instead of a day", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"```sh\n(.*?)```", section, re.S)


def sql(machine, text: str) -> str:
    return machine.run("runuser", "-u", "postgres", "--", "psql", "--dbname", "barbossa", "-Atc", text).stdout.strip()


def test_the_recipe_brings_back_the_minute_before_and_the_links_follow(machine, tmp_path_factory):
    prepare, go_back = recipes()
    machine.apt("install", "pgbackrest")
    machine.run("bash", "-euo", "pipefail", "-c", prepare)
    wait_until_healthy(machine)
    # What follows is in the archive only, not in the full backup.
    machine.put(ALBUM.make(tmp_path_factory.mktemp("music")), "/srv/album")
    machine.sh(f"umask 002; cp -r /srv/album {PENDING_DIR}/new; chown -R mate:barbossa {PENDING_DIR}/new; chmod -R g+w {PENDING_DIR}/new")
    client = Client(machine.address).log_in(ADMIN, PASSWORD)
    album = client.wait_for_album(ALBUM.title, 30)
    client.post(f"/api/me/library/albums/{album['id']}").expect(200)
    links = f"find {MUSIC_DIR}/users -type f -links +1 | sort"
    machine.wait_until("the links are there", lambda: machine.sh(links) != "")
    before = machine.sh(links)
    minute = sql(machine, "select now()")
    client.delete(f"/api/me/library/albums/{album['id']}").expect(200)
    machine.wait_until("the links are gone", lambda: machine.sh(links) == "")
    sql(machine, "delete from app_user")
    sql(machine, "select pg_switch_wal()")
    machine.run("bash", "-euo", "pipefail", "-c", f"TIME='{minute}'\n{go_back}")
    wait_until_healthy(machine)
    client = Client(machine.address).log_in(ADMIN, PASSWORD)
    assert [loved["title"] for loved in client.get("/api/me/library").expect(200).json()["items"]] == [ALBUM.title]
    machine.wait_until("the links follow the hearts of that minute", lambda: machine.sh(links) == before)
