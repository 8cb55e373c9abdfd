"""Nothing that the admin does interrupts anyone: restarts, a reload of nginx, an upgrade with a migration, and one whose migration fails.

All under 200 requests a second, with someone listening to live events and someone loving and leaving an album all the while.
"""

import json
import threading
import time
from pathlib import Path

import pytest

import next_version
import package as packaging
from client import Client
from conftest import ADMIN, IS_LONG, MUSIC_DIR, PASSWORD, PENDING_DIR, ROLES, installed, name_of_machine, wait_until_healthy
from hammer import Hammer
from listener import Listener
from music import Album

SERVICES = [f"barbossa-{role}.service" for role in ROLES]
ALBUM = Album("Anne Bonny", "Kept Through It All", 1720, "mp3")
PER_SECOND = 200
LOAD_SECONDS = 30 if IS_LONG else 12


class Fan(threading.Thread):
    """Loves an album and leaves it, again and again; each answer but 200 is kept."""

    def __init__(self, client: Client, album: dict):
        super().__init__(daemon=True)
        self._client, self._path = client, f"/api/me/library/albums/{album['id']}"
        self._over = threading.Event()
        self.changes = 0
        self.refusals: list = []

    def __enter__(self) -> "Fan":
        self.start()
        return self

    def __exit__(self, *_) -> None:
        self._over.set()
        self.join(60)

    def run(self) -> None:
        while not self._over.wait(0.1):
            for method in ("POST", "DELETE"):
                try:
                    status = self._client.request(method, self._path).status
                except OSError as failure:
                    status = type(failure).__name__
                self.changes += 1
                if status != 200:
                    self.refusals.append(f"{method} {status}")


class Family:
    """A machine with an album in it, and a session."""

    def __init__(self, machine, music_dir: Path):
        self.machine = machine
        machine.put(ALBUM.make(music_dir), "/srv/album")
        machine.sh(f"umask 002; cp -r --no-preserve=mode /srv/album {PENDING_DIR}/album", user="mate")
        self.client = Client(machine.address).log_in(ADMIN, PASSWORD)
        self.album = self.client.wait_for_album(ALBUM.title, 20)

    def sql(self, text: str) -> str:
        return self.machine.run("runuser", "-u", "postgres", "--", "psql", "--dbname", "barbossa", "-Atc", text).stdout.strip()

    def pids(self) -> dict:
        return {unit: self.machine.show(unit, "MainPID") for unit in SERVICES}

    def version(self) -> str:
        return Client(self.machine.address).get("/health").json()["version"]

    def is_undisturbed_by(self, act, figure, seconds: float = LOAD_SECONDS) -> None:
        """Holds the load for `seconds` at least, lets `act` happen meanwhile, and judges what everyone saw."""
        paths = ("/live", "/api/albums?limit=20", f"/api/albums/{self.album['id']}", "/api/artists")
        token = self.client.token
        with Listener(self.machine.address, token) as listener:
            with Fan(self.client, self.album) as fan, Hammer(self.machine, 20, paths, token, PER_SECOND) as hammer:
                began = time.monotonic()
                act()
                time.sleep(max(1.0, seconds - (time.monotonic() - began)))
            figure(f"{hammer.told}; {fan.changes} changes, {len(fan.refusals)} refused; {len(listener.heard)} events over {listener.connections} connections")
            # Some may be told twice, as the contract says: whoever comes back asks from the last one that it heard.
            told = set(map(int, self.sql(f"select id from event where id > {listener.first_seq}").split()))
            deadline = time.monotonic() + 20
            while told - set(listener.heard) and time.monotonic() < deadline:
                time.sleep(0.1)
            assert told - set(listener.heard) == set(), "these events were never heard"
        assert hammer.failures() == {}
        assert fan.refusals == []
        assert fan.changes > 0
        assert (listener.resyncs, listener.refused) == (0, [])


@pytest.fixture(scope="module")
def family(machine, tmp_path_factory) -> Family:
    return Family(machine, tmp_path_factory.mktemp("music"))


@pytest.fixture(scope="module")
def next_deb(deb, tmp_path_factory) -> Path:
    """The next version: another program, with one migration more."""
    return next_version.deb(deb, tmp_path_factory.mktemp("next"))


def test_restarts_of_the_api_disturb_nobody(family, figure):
    def act() -> None:
        for _ in range(LOAD_SECONDS // 3):
            family.machine.run("systemctl", "restart", "barbossa-api.service")
            time.sleep(1.5)

    family.is_undisturbed_by(act, figure)


def test_reloads_of_nginx_disturb_nobody(family, figure):
    def act() -> None:
        for _ in range(LOAD_SECONDS // 3):
            family.machine.run("nginx", "-s", "reload")
            time.sleep(1.5)

    family.is_undisturbed_by(act, figure)


def test_a_worker_that_is_restarted_hands_its_jobs_back_and_none_is_done_twice(family, figure, tmp_path):
    machine, first_job = family.machine, int(family.sql("select coalesce(max(id), 0) from job"))
    count = 40 if IS_LONG else 12
    for number in range(count):
        Album(f"Rower {number}", f"Crossing {number}", 1800 + number, "opus", (("Out", "Home"),), 1).make(tmp_path)
    machine.put(tmp_path, "/srv/crossings")
    machine.sh("chmod -R a+rX /srv/crossings")
    machine.sh(f"umask 002; cp -r --no-preserve=mode /srv/crossings/* {PENDING_DIR}/", user="mate")
    unfinished = f"select count(*) from job where id > {first_job} and queue <> 'network' and state in ('available', 'running') and run_at < now() + interval '1 minute'"
    wanted = {f"Crossing {number}" for number in range(count)}
    stops = []
    deadline = time.monotonic() + 180
    while not wanted <= {album["title"] for album in family.client.albums()} or family.sql(unfinished) != "0":
        assert time.monotonic() < deadline, family.sql(f"select kind, state, attempt, error from job where id > {first_job} and finished_at is null")
        if len(stops) < 12:
            began = time.monotonic()
            machine.run("systemctl", "restart", "barbossa-worker.service")
            stops.append(time.monotonic() - began)
        time.sleep(0.4)
    figure(f"{family.sql(f'select count(*) from job where id > {first_job}')} jobs over {len(stops)} restarts, the slowest took {max(stops):.1f} s")
    assert machine.show("barbossa-worker.service", "Result") == "success", "a stop took longer than TimeoutStopSec"
    # There is no network here: what asks other people's services goes on waiting.
    # A folder that was seen just before it was filed is asked for once more, and is gone by then.
    odd = "state in ('running', 'discarded') or attempt > 1 or error not in ('A later job for the same thing takes its place.', 'the folder is gone')"
    assert family.sql(f"select kind, state, attempt, error from job where id > {first_job} and queue <> 'network' and ({odd})") == ""
    lines = [json.loads(line) for line in machine.journal("--unit=barbossa-worker.service", "--output=json").splitlines()]
    done = [line["JOB_ID"] for line in lines if "JOB_KIND" in line and line["MESSAGE"] == f"{line['JOB_KIND']} done" and int(line["JOB_ID"]) > first_job]
    assert len(done) == len(set(done)), "a job was done twice"
    assert family.sql("select title from album where title like 'Crossing %' group by title having count(*) > 1") == ""


def test_an_upgrade_with_a_migration_disturbs_nobody(family, next_deb, deb, figure):
    machine, before = family.machine, family.pids()
    music = machine.sh(f"cd {MUSIC_DIR}/artists && find . -type f -exec sha256sum {{}} + | sort")
    # Both stand in the repository, as they would.
    machine.publish(deb, next_deb)

    def act() -> None:
        machine.apt("install", "barbossa")

    family.is_undisturbed_by(act, figure)
    assert family.version() == next_version.VERSION
    assert family.sql("select max(version) from schema_migration") == str(next_version.newest_migration() + 1)
    assert [unit for unit, pid in family.pids().items() if pid == before[unit]] == [], "these still run the old version"
    wait_until_healthy(machine)
    assert machine.sh(f"cd {MUSIC_DIR}/artists && find . -type f -exec sha256sum {{}} + | sort") == music
    assert family.sql("select count(*) from album where next_note = ''") == family.sql("select count(*) from album")


@pytest.fixture(scope="module")
def other_family(fresh_install, deb, tmp_path_factory):
    """Another household that has yet to upgrade."""
    with installed(name_of_machine("upgrade-fails"), fresh_install, deb) as machine:
        yield Family(machine, tmp_path_factory.mktemp("music"))


def test_a_migration_that_fails_leaves_the_old_version_serving_and_apt_mends_it(other_family, next_deb, deb, figure):
    family, machine = other_family, other_family.machine
    old, before = family.version(), family.pids()
    family.sql(f"set role barbossa; {next_version.OBSTACLE}")
    machine.publish(deb, next_deb)
    said = []

    def fails() -> None:
        done = machine.apt("install", "barbossa", check=False)
        said.append((done.returncode, done.stdout + done.stderr))

    family.is_undisturbed_by(fails, figure, 1)
    assert said[0][0] == 100, said[0][1]
    assert "previous version is still running" in said[0][1] and "apt -f install" in said[0][1]
    assert (family.pids(), family.version()) == (before, old)
    assert machine.sh("dpkg-query -W -f '${db:Status-Status}' barbossa") == "half-configured"
    assert family.sql("select max(version) from schema_migration") == str(next_version.newest_migration())
    assert "next_thing" in machine.journal("--unit=barbossa-migrate.service")
    # A second try before anything is mended changes nothing either.
    assert machine.apt("-f", "install", check=False).returncode == 100
    assert family.pids() == before

    family.sql(next_version.REMOVE_OBSTACLE)
    family.is_undisturbed_by(lambda: machine.apt("-f", "install"), figure, 1)
    assert (family.version(), machine.sh("dpkg-query -W -f '${db:Status-Status}' barbossa")) == (next_version.VERSION, "installed")
    assert [unit for unit, pid in family.pids().items() if pid == before[unit]] == []
    wait_until_healthy(machine)


def test_settings_that_a_new_version_refuses_leave_the_old_one_serving(other_family, deb, tmp_path):
    family, machine = other_family, other_family.machine
    newer = packaging.variant(deb, "0.3.0", tmp_path)
    # The running processes know nothing of this yet; the new ones would refuse to start with it.
    machine.sh("mkdir -p /etc/barbossa/conf.d && echo 'no_such_key = 1' >/etc/barbossa/conf.d/old-key.toml")
    before = family.pids()
    machine.publish(deb, newer)
    done = machine.apt("install", "barbossa", check=False)
    assert (done.returncode, family.pids()) == (100, before)
    assert "no_such_key" in done.stdout + done.stderr, "what is wrong is said where the admin looks"
    machine.sh("rm /etc/barbossa/conf.d/old-key.toml")
    machine.run("runuser", "-u", "postgres", "--", "psql", "-d", "barbossa", "-c", f"delete from schema_migration where version > {next_version.newest_migration()}")
    machine.apt("-f", "install")
    assert [unit for unit, pid in family.pids().items() if pid == before[unit]] == []
    wait_until_healthy(machine)


def test_a_changed_settings_file_of_the_package_meets_what_the_admin_has_written(other_family, deb, tmp_path):
    """The package's file changes, the admin's own in conf.d stays; one who has edited the package's file keeps that when apt is told so."""
    family, machine = other_family, other_family.machine

    def change(text: str):
        def write(root: Path) -> None:
            settings = root / "etc/barbossa/barbossa.toml"
            settings.write_text(f"{settings.read_text()}\n# {text}\n")
        return write

    machine.sh("echo 'log_level = \"debug\"' >/etc/barbossa/conf.d/mine.toml")
    machine.publish(packaging.variant(deb, "0.4.0", tmp_path, change("of 0.4.0")))
    machine.apt("install", "barbossa")
    assert "# of 0.4.0" in machine.sh("cat /etc/barbossa/barbossa.toml")
    assert "debug" in machine.sh("barbossa settings get log_level")
    machine.sh("echo '# mine' >>/etc/barbossa/barbossa.toml")
    machine.publish(packaging.variant(deb, "0.5.0", tmp_path, change("of 0.5.0")))
    machine.apt("-o", "Dpkg::Options::=--force-confold", "install", "barbossa")
    kept = machine.sh("cat /etc/barbossa/barbossa.toml")
    assert "# mine" in kept and "# of 0.5.0" not in kept
    assert "# of 0.5.0" in machine.sh("cat /etc/barbossa/barbossa.toml.dpkg-dist")
    wait_until_healthy(machine)
    assert family.client.get("/api/albums").expect(200)
