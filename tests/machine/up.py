#!/usr/bin/python3
"""`./dev up`: from a checkout to a machine with Barbossa in it and a family's music going in and coming out.

Run again while the machine is up, it upgrades the package in it. With `--on-this-host` (`./dev install`) it installs
on the host itself instead, and puts no music anywhere.
"""

import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

import music
import package
import trees
from client import Client
from machine import Machine, MachineError

ADMIN = "captain"
MUSIC_DIR = "/var/lib/barbossa/music"
HOST_REPOSITORY = Path("/usr/local/share/barbossa-repository")
STARTED_AT = int(os.environ.get("BARBOSSA_STARTED_AT", time.time()))


def step(text: str) -> None:
    print(f"[{time.time() - STARTED_AT:4.0f} s] {text}", flush=True)


def build() -> Path:
    step("building the program (cargo says what it compiles)")
    subprocess.run(["just", "build", "web"], cwd=package.CHECKOUT, check=True, stdin=subprocess.DEVNULL)
    step("the package")
    made = package.deb()
    step(made.name)
    return made


def up() -> None:
    machine = Machine("up")
    made = build()
    if not machine.is_running():
        layer = neighbours(made)
        step("starting a Debian 13 machine")
        machine.destroy()
        machine.create(layer)
        machine.boot()
    step("a signed apt repository of it and all it depends on")
    machine.publish(made)
    step("in the machine: apt install barbossa")
    machine.apt("install", "barbossa")
    client = Client(machine.address)
    if failed := machine.run("systemctl", "--failed", "--plain", "--no-legend").stdout:
        raise MachineError(f"{failed}{machine.journal('--priority=err', '--lines=5')}(./dev logs tells more; ./dev down, then ./dev up begins anew)")
    machine.wait_until("systemctl is-system-running says running", lambda: machine.run("systemctl", "is-system-running", check=False).stdout == "running\n", 30)
    machine.wait_until("GET /health says healthy", lambda: client.get("/health").json()["status"] == "healthy", 30)
    step(f"installed and healthy: https://{machine.address}/health")
    password = make_admin(machine)
    client = client.log_in(ADMIN, password)
    put_music_in(machine, client)
    take_music_out(machine, client)
    step("done")
    print(f"""
Barbossa stands at  https://{machine.address}/   (its certificate is its own: curl --insecure)
Log in with         {ADMIN}   {password}
                    curl -ks https://{machine.address}/api/auth/login -H 'content-type: application/json' -d '{{"username": "{ADMIN}", "password": "{password}"}}'
Look around:
  ./dev shell systemctl status 'barbossa-*'
  ./dev shell systemctl list-timers barbossa-backup.timer
  ./dev shell journalctl -u barbossa-worker -n 5 -o json-pretty
  ./dev shell curl -s http://localhost:8080/health
  ./dev shell ls -R {MUSIC_DIR}/users/{ADMIN}
Drop a folder of music into {MUSIC_DIR}/import/pending/ (./dev shell), and ./dev logs. ./dev down ends it.""")


def neighbours(made: Path) -> Path:
    """A disk on which Debian's nginx, PostgreSQL and Redis are installed already, made once: that takes half a minute each
    time otherwise. The machine tests do without it: there Barbossa is installed on a bare Debian."""
    layer = package.dependencies(made).with_suffix(".installed")
    with trees.locked("neighbours"):
        if not layer.is_dir():
            step("a Debian 13 with nginx, PostgreSQL and Redis (once)")
            with Machine.fresh("neighbours") as machine:
                machine.publish(made)
                machine.apt("satisfy", package.needs_of(made))
                machine.freeze(layer)
    return layer


def make_admin(machine: Machine) -> str:
    """The demo's admin and the password, which stays with the machine so that a second `up` can log in too."""
    kept = machine.dir / "password"
    if not kept.exists():
        password = secrets.token_urlsafe(12)
        machine.run("barbossa", "user", "add", ADMIN, "--admin", "--password-stdin", stdin=f"{password}\n")
        kept.touch(mode=0o600)
        kept.write_text(password)
        step(f"barbossa user add {ADMIN} --admin")
    return kept.read_text()


def put_music_in(machine: Machine, client: Client) -> None:
    """Copy the demo albums slowly into the inbox, as a member of the household would, and wait for them in the list."""
    there = {album["title"] for album in client.albums()}
    missing = [album for album in music.DEMO if album.title not in there]
    if not missing:
        step(f"{len(there)} albums are in the library already")
        return
    machine.put(music.demo_dir(), "/srv/music")
    machine.put(Path(__file__).with_name("slow_copy.pl"), "/usr/local/bin/slow-copy")
    machine.sh("id mate >/dev/null 2>&1 || useradd --create-home --groups barbossa mate")
    step(f"copying {len(missing)} albums into {MUSIC_DIR}/import/pending, slowly")
    folders = [f"/srv/music/{album.artist} - {album.title}" for album in missing]
    machine.run("perl", "/usr/local/bin/slow-copy", 6, f"{MUSIC_DIR}/import/pending", *folders, user="mate")
    copied_at = time.monotonic()
    for album in missing:
        client.wait_for_album(album.title, 30)
    step(f"all {len(missing)} are in GET /api/albums, {time.monotonic() - copied_at:.1f} s after the copying ended")


def take_music_out(machine: Machine, client: Client) -> None:
    """Heart an album, and show that its files stand in the user's folder as the same files."""
    title = music.DEMO[0].title
    album = client.wait_for_album(title, 1)
    client.post(f"/api/me/library/albums/{album['id']}").expect(200)
    step(f"{ADMIN} hearts {title}; the same files, by inode, in two places:")
    links = machine.sh(f"cd {MUSIC_DIR} && find artists users/{ADMIN} -path '*{title}*' -type f -printf '           %i  %p\\n' | sort")
    print(links, end="")
    inodes = {root: {line.split()[0] for line in links.splitlines() if f" {root}/" in line} for root in ("artists", "users")}
    if not inodes["users"] or inodes["users"] != inodes["artists"]:
        raise MachineError("the heart's folder is not the same files")


def install_on_this_host() -> None:
    if not Path("/run/systemd/system").is_dir():
        sys.exit("barbossa: systemd is not PID 1 here; ./dev up makes a machine where it is")
    trees.require_root_and_nspawn()
    made = build()
    step("a signed apt repository of it")
    package.repository([made], HOST_REPOSITORY)
    subprocess.run(["install", "-m", "644", HOST_REPOSITORY / "barbossa.sources", "/etc/apt/sources.list.d/"], check=True)
    step("apt install barbossa")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for argv in (["apt-get", "-q", "update"], ["apt-get", "-q", "-y", "install", "barbossa"]):
        subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, env=environment)
    step("done")
    print("""
Barbossa stands at  https://localhost/   (its certificate is its own, for now)
First login:        barbossa user add NAME --admin
Look around:
  systemctl status 'barbossa-*'
  systemctl list-timers barbossa-backup.timer
  journalctl -u barbossa-worker
  curl http://localhost:8080/health
  barbossa check-config""")


if __name__ == "__main__":
    try:
        install_on_this_host() if sys.argv[1:] == ["--on-this-host"] else up()
    except (MachineError, AssertionError, subprocess.CalledProcessError) as failure:
        sys.exit(f"[{time.time() - STARTED_AT:4.0f} s] failed: {failure}")
