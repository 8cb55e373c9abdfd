"""`barbossa doctor` on a machine where something is wrong: it finds it, and what it tells to type mends it."""

import json

import pytest

from conftest import MUSIC_DIR, wait_until_healthy

SITE = "/etc/nginx/snippets/barbossa-music.conf"
BACKUPS = "/var/lib/barbossa/backups"
# What is broken and how, where the doctor looks, and the command that it tells.
TROUBLES = {
    "redis is stopped": ("systemctl stop barbossa-redis.service", "redis", "systemctl status barbossa-redis"),
    "nginx is stopped": ("systemctl stop nginx", "nginx", "systemctl start nginx"),
    "nginx serves another folder": (f"sed -i 's,alias .*;,alias /srv/old/;,' {SITE}", "nginx", f"barbossa setup music-path '{MUSIC_DIR}'"),
    "the api is stopped": ("systemctl stop barbossa-api.service barbossa-api.socket", "api", "systemctl status barbossa-api.socket barbossa-api"),
    "a folder of the trash is gone": (f"rmdir {MUSIC_DIR}/.trash", "music", f"install -d -o barbossa -g barbossa -m 2775 '{MUSIC_DIR}/.trash'"),
    "the inbox is root's": (f"chown root:root {MUSIC_DIR}/import/pending; chmod 755 {MUSIC_DIR}/import/pending", "music", f"chown barbossa:barbossa '{MUSIC_DIR}/import/pending' && chmod 2775 '{MUSIC_DIR}/import/pending'"),
    "downloads lie on another disk": (f"mount -t tmpfs -o size=1m,mode=2775,uid=barbossa,gid=barbossa tmpfs {MUSIC_DIR}/downloads", "mounts", f"umount '{MUSIC_DIR}/downloads'"),
    "the folder of the backups is root's": (f"chown root:root {BACKUPS}", "backup folder", f"install -d -o barbossa -g barbossa -m 700 '{BACKUPS}'"),
    "a unit has failed": ("systemd-run --quiet --unit=barbossa-odd.service --property=RemainAfterExit=no false; sleep 0.5", "units", "journalctl -u barbossa-odd.service says why"),
    "the certificate has run out": ("mkdir -p /srv/old && openssl req -x509 -newkey ed25519 -nodes -subj /CN=x -days 1 -keyout /srv/old/k.pem -out /srv/old/c.pem 2>/dev/null && barbossa setup tls /srv/old/c.pem /srv/old/k.pem", "certificate", "certbot renew"),
}
# What makes it well again, where the told command only shows it or asks for more than the machine has.
MENDS = {
    "redis is stopped": "systemctl start barbossa-redis.service",
    "the api is stopped": "systemctl start barbossa-api.socket barbossa-api.service",
    "nginx serves another folder": f"barbossa setup music-path '{MUSIC_DIR}' && systemctl reload nginx",
    "a unit has failed": "systemctl reset-failed barbossa-odd.service",
    "the certificate has run out": "barbossa setup tls --self-signed",
}


def findings(machine) -> dict:
    return {finding["what"]: finding for finding in json.loads(machine.run("barbossa", "doctor", "--json", check=False).stdout)}


def bad(machine) -> set:
    return {what for what, finding in findings(machine).items() if finding["verdict"] == "bad"}


def test_on_a_machine_that_is_well_nothing_is_bad(machine):
    said = machine.run("barbossa", "doctor", check=False)
    assert (said.returncode, bad(machine)) == (0, set()), said.stdout


@pytest.mark.parametrize("trouble", TROUBLES)
def test_the_doctor_finds_what_is_wrong_and_tells_what_mends_it(machine, trouble):
    broken, what, told = TROUBLES[trouble]
    machine.sh(broken)
    found = findings(machine)[what]
    assert found["verdict"] != "good" and told in found["detail"], found
    machine.sh(MENDS.get(trouble, told))
    wait_until_healthy(machine)
    after = findings(machine)[what]
    assert after["verdict"] != "bad" and told not in after["detail"], after


def test_without_postgresql_the_doctor_still_tells_all_that_it_can(machine):
    machine.run("systemctl", "stop", "postgresql@17-main.service")
    try:
        said = machine.run("barbossa", "doctor", check=False)
        assert said.returncode == 1 and "Traceback" not in said.stderr
        assert "BAD" in [line for line in said.stdout.splitlines() if line.startswith("database")][0]
        assert {"nginx", "space", "inotify", "units"} <= {line.split("  ")[0] for line in said.stdout.splitlines()}
    finally:
        machine.run("systemctl", "start", "postgresql@17-main.service")
    wait_until_healthy(machine)
