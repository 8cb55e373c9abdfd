"""A member takes the music along: onto a drive that is plugged in while the sandboxed worker runs, and as a zip through nginx."""

import io
import zipfile

import pytest

from conftest import MUSIC_DIR
from music import Album
from test_trouble import drop

USB = "/media/usb"


@pytest.fixture(scope="module")
def loved(machine, client, tmp_path_factory):
    drop(machine, Album("Grace O'Malley", "Take: along?", 1593, "flac16", (("One", "Two"),)).make(tmp_path_factory.mktemp("music")), "along")
    album = client.wait_for_album("Take: along?", 20)
    client.post(f"/api/me/library/albums/{album['id']}").expect(200)
    return album


def complete(machine, client, export: dict) -> dict:
    def shown() -> dict:
        return client.get(f"/api/exports/{export['id']}").expect(200).json()

    machine.wait_until("the export has ended", lambda: shown()["status"] not in ("pending", "running"), 30)
    assert shown()["status"] == "complete", shown()
    return shown()


def test_the_worker_writes_an_export_into_the_music_folder(machine, client, loved):
    complete(machine, client, client.post("/api/exports", {"format": "flac", "include_playlist": True}).expect(200).json())
    folder = f"{MUSIC_DIR}/export/captain"
    machine.sh(f"cd {folder} && sha256sum --check --quiet --strict SHA256SUMS")
    assert machine.sh(f"find {folder} -name '*.flac' | wc -l").strip() == "2"


def test_without_ffmpeg_an_export_as_mp3_says_what_to_install(machine, client, loved):
    # It is recommended, so it is here.
    machine.sh("mv /usr/bin/ffmpeg /usr/bin/ffmpeg.away")
    export = client.post("/api/exports", {"format": "mp3"}).expect(200).json()

    def shown() -> dict:
        return client.get(f"/api/exports/{export['id']}").expect(200).json()

    machine.wait_until("the export has ended", lambda: shown()["status"] not in ("pending", "running"), 30)
    machine.sh("mv /usr/bin/ffmpeg.away /usr/bin/ffmpeg")
    assert (shown()["status"], "apt install ffmpeg" in (shown()["error_message"] or "")) == ("failed", True), shown()


def test_a_drive_that_is_plugged_in_later_is_written_to_and_an_empty_mount_point_is_not(machine, client, loved):
    machine.sh(f"""mkdir -p {USB} /etc/barbossa/conf.d
        printf '[exports]\\nroots = ["{USB}"]\\n' >/etc/barbossa/conf.d/exports.toml
        systemctl daemon-reload; systemctl restart barbossa-worker.service barbossa-api.service""")
    try:
        refused = client.post("/api/exports", {"destination": f"{USB}/Music"}).expect(400).json()
        assert "plug it in" in refused["detail"], refused
        machine.sh(f"mount -t tmpfs -o size=64m,mode=0775,gid=$(id -g barbossa) usb {USB}")
        complete(machine, client, client.post("/api/exports", {"destination": f"{USB}/Music"}).expect(200).json())
        machine.sh(f"cd {USB}/Music && sha256sum --check --quiet --strict SHA256SUMS")
        client.post("/api/exports", {"destination": "/srv/elsewhere"}).expect(400)
    finally:
        machine.sh(f"""umount {USB}; rm /etc/barbossa/conf.d/exports.toml
            systemctl daemon-reload; systemctl restart barbossa-worker.service barbossa-api.service""")
    assert machine.sh(f"ls -A {USB}").strip() == "", "nothing lies beneath the mount point"


def test_a_zip_comes_through_nginx_as_it_is_made(client, loved):
    export = client.post("/api/exports", {"destination": "zip"}).expect(200).json()
    answer = client.get(export["download_url"]).expect(200)
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        assert archive.testzip() is None
        assert "Grace O'Malley/Take_ along_ (1593)/01 - One.flac" in archive.namelist()
