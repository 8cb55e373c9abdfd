"""Whole without any of them: no cable, no program of a source installed, and everything that is ours works."""

import json
import subprocess

import pytest

from conftest import ADMIN, MUSIC_DIR, PASSWORD
from music import Album
from test_trouble import drop


@pytest.fixture(scope="module")
def ask(machine):
    """Asks the api on the machine's own loopback, which needs no cable."""
    machine.network_down()
    machine.run("dpkg", "--remove", "yt-dlp", check=False)
    machine.run("systemctl", "restart", "barbossa-fetch.service")
    token = None

    def ask(method: str, path: str, body=None) -> dict:
        argv = ["curl", "--silent", "--show-error", "--fail-with-body", "--request", method]
        if token:
            argv += ["--header", f"Authorization: Bearer {token}"]
        if body is not None:
            argv += ["--header", "Content-Type: application/json", "--data", json.dumps(body)]
        said = subprocess.run(machine.in_network(*argv, f"http://localhost:8080{path}"), capture_output=True, text=True, timeout=60)
        assert said.returncode == 0, f"{method} {path}: {said.stdout} {said.stderr}"
        return json.loads(said.stdout)

    token = ask("POST", "/api/auth/login", {"username": ADMIN, "password": PASSWORD})["token"]
    yield ask
    machine.network_up()


def ended(machine, ask, path: str, *on_the_way: str) -> dict:
    machine.wait_until(f"{path} has ended", lambda: ask("GET", path)["status"] not in on_the_way, 60)
    return ask("GET", path)


def test_import_hearts_search_export_and_backup_need_no_source(machine, ask, tmp_path):
    drop(machine, Album("Grace O'Malley", "Alone", 1593, "flac16", (("One", "Two"),)).make(tmp_path), "alone")
    found: list = []

    def imported() -> bool:
        found[:] = [album for album in ask("GET", "/api/albums")["items"] if album["title"] == "Alone"]
        return bool(found)

    machine.wait_until("the album is imported", imported, 30)
    ask("POST", f"/api/me/library/albums/{found[0]['id']}")
    assert machine.sh(f"find {MUSIC_DIR}/users/{ADMIN} -name '*.flac' | wc -l").strip() == "2"
    assert [album["title"] for album in ask("GET", "/api/search?q=alone")["albums"]] == ["Alone"]
    export = ask("POST", "/api/exports", {"format": "flac"})
    assert ended(machine, ask, f"/api/exports/{export['id']}", "pending", "running")["status"] == "complete"
    machine.run("barbossa", "backup", "run")


def test_a_source_that_is_not_there_is_a_fact_and_no_trouble(machine, ask):
    assert machine.run("sh", "-c", "command -v yt-dlp || command -v rip", check=False).returncode != 0

    # Nobody has asked for it: they are looked at when the role that reaches the internet comes up.
    def is_stated() -> bool:
        return all(source["state"] in ("off", "down") and source["checked_at"] and source["why"] for source in ask("GET", "/api/sources"))

    machine.wait_until("each is off or down, with a reason", is_stated, 60)
    download = ask("POST", "/api/downloads/url", {"url": "https://example.org/album"})
    failed = ended(machine, ask, f"/api/downloads/{download['id']}", "pending", "downloading")
    assert (failed["status"], "apt install yt-dlp" in failed["error_message"]) == ("failed", True), failed
    assert ask("GET", "/health")["status"] == "healthy"
    assert machine.run("systemctl", "--failed", "--plain", "--no-legend").stdout == ""
