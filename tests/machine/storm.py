"""A household at work while everything in the machine is killed again and again; and what must be true when it is calm.

Each op is safe to ask for again, and is asked for again until there is an answer that means yes. So at the end the state is
known, whatever was killed meanwhile: the last thing asked for, once.
"""

import collections
import random
import subprocess
import threading
import time
from pathlib import Path

from client import Client
from conftest import MUSIC_DIR, PASSWORD, PENDING_DIR, ROLES
from machine import Machine, MachineError

MEMBERS = ("ada", "ben", "cleo")
# What is due now or soon. What asks services in the internet waits for one, here.
OPEN = "state not in ('completed', 'cancelled', 'discarded') and queue <> 'network' and run_at < now() + interval '10 minutes'"


def sql(machine: Machine, text: str, check: bool = True) -> str:
    return machine.run("runuser", "-u", "postgres", "--", "psql", "--dbname", "barbossa", "-Atc", text, check=check).stdout.strip()


def sounds_in(folder: Path) -> list:
    """What each audio file beneath a folder sounds like, whatever its tags say; each inode once. By ffmpeg, which knows nothing of us."""
    inodes: dict = {}
    for file in folder.rglob("*.opus"):
        inodes.setdefault(file.stat().st_ino, file)
    return sorted(map(_sound_of, inodes.values()))


def _sound_of(file: Path) -> str:
    argv = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(file), "-map", "0:a", "-c", "copy", "-f", "md5", "-"]
    return subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True).stdout.strip()


class Killer(threading.Thread):
    """SIGKILL for something at random, every second or so, until the block ends; then everything is started."""

    def __init__(self, machine: Machine, seed: int):
        super().__init__(daemon=True)
        self._machine, self._random = machine, random.Random(seed)
        self._over = threading.Event()
        self.kills: collections.Counter = collections.Counter()

    def __enter__(self) -> "Killer":
        self.start()
        return self

    def __exit__(self, *_) -> None:
        self._over.set()
        self.join(60)
        self._machine.run("systemctl", "reset-failed", check=False)
        self._machine.run("systemctl", "start", "postgresql@17-main.service", "barbossa.target", check=False)

    def run(self) -> None:
        targets = [*ROLES, "worker", "worker", "redis", "postgresql", "a connection of postgresql"]
        while not self._over.wait(self._random.uniform(1, 4)):
            target = self._random.choice(targets)
            self.kills[target] += 1
            try:
                self._kill(target)
            except MachineError:
                # What was to be killed is not there just now.
                continue

    def _kill(self, target: str) -> None:
        if target == "postgresql":
            self._machine.run("systemctl", "kill", "--signal=KILL", "postgresql@17-main.service")
            self._over.wait(self._random.uniform(0, 2))
            self._machine.run("systemctl", "reset-failed", "postgresql@17-main.service", check=False)
            self._machine.run("systemctl", "start", "postgresql@17-main.service", check=False)
        elif target == "a connection of postgresql":
            # All connections end with it: PostgreSQL recovers from its log.
            self._machine.sh("pkill --signal KILL --newest --full '^postgres: 17/main: barbossa barbossa' || true")
        else:
            # As if the last time were long ago: a unit that dies again and again is given more and more rest.
            self._machine.run("systemctl", "reset-failed", f"barbossa-{target}.service", check=False)
            self._machine.run("systemctl", "kill", "--signal=KILL", f"barbossa-{target}.service")


class Member(threading.Thread):
    """Loves, edits, deletes and restores albums of its own, and remembers how they must be in the end."""

    def __init__(self, client: Client, albums: list, seed: int):
        super().__init__(daemon=True)
        self._client, self._albums, self._random = client, albums, random.Random(seed)
        self._over = threading.Event()
        self.loved: dict = {}
        self.years: dict = {}
        self.deleted: set = set()
        self.ops = 0
        self.failure = None

    def stop(self) -> None:
        self._over.set()
        self.join(330)
        assert self.failure is None, self.failure

    def run(self) -> None:
        try:
            while not self._over.is_set():
                self._do(self._random.choice(self._albums)["id"])
                self.ops += 1
        except Exception as failure:  # It is told where the thread is stopped.
            self.failure = failure

    def _do(self, album: int) -> None:
        what = self._random.choices(("love", "leave", "edit", "delete"), (5, 3, 3, 1))[0]
        if album in self.deleted or what == "delete":
            self._delete_or_restore(album)
        elif what == "edit":
            year = self._random.randint(1900, 1999)
            self._insist("PUT", f"/api/metadata/albums/{album}", {"year": year}, (200, 202))
            self._until(f"album {album} is of {year}", lambda: self._client.get(f"/api/albums/{album}").json()["year"] == year)
            self.years[album] = year
        else:
            self._insist("POST" if what == "love" else "DELETE", f"/api/me/library/albums/{album}", None, (200, 202))
            self.loved[album] = what == "love"

    def _delete_or_restore(self, album: int) -> None:
        if album not in self.deleted:
            # Gone already: it was accepted, and the answer lost.
            self._insist("DELETE", f"/api/albums/{album}", None, (200, 202, 404))
            self._until(f"album {album} is gone", lambda: self._client.get(f"/api/albums/{album}").status == 404)
            self.deleted.add(album)
            return
        (entry,) = [e for e in self._entries() if e["album_id"] == album]
        self._insist("POST", f"/api/trash/{entry['id']}/restore", None, (200, 202, 404))
        self._until(f"album {album} is back", lambda: self._client.get(f"/api/albums/{album}").status == 200)
        self.deleted.discard(album)

    def _entries(self) -> list:
        found: list = []

        def asked() -> bool:
            answer = self._client.get("/api/trash?limit=100")
            found[:] = answer.json()["items"] if answer.status == 200 else []
            return answer.status == 200

        self._until("the trash is listed", asked)
        return found

    def _insist(self, method: str, path: str, body, wanted: tuple) -> None:
        answers: list = []

        def answered() -> bool:
            answer = self._client.request(method, path, body)
            answers.append(f"{answer.status} {answer.body[:200]!r}")
            return answer.status in wanted

        try:
            self._until(f"{method} {path}", answered)
        except AssertionError as failure:
            raise AssertionError(f"{failure}; the last answers: {answers[-3:]}") from failure

    def _until(self, what: str, happens) -> None:
        """Asks until it is so. In a storm many a question is not answered."""
        deadline = time.monotonic() + 300
        while True:
            try:
                if happens():
                    return
            except (OSError, ValueError, KeyError):
                pass
            assert time.monotonic() < deadline, f"not within five minutes: {what}"
            time.sleep(0.1)


def members_of(machine: Machine) -> dict:
    """A session for each member; made as the admin would."""
    sessions = {}
    for name in MEMBERS:
        machine.run("barbossa", "user", "add", name, "--admin", "--password-stdin", stdin=f"{PASSWORD}\n")
        sessions[name] = Client(machine.address).log_in(name, PASSWORD)
    return sessions


def drop(machine: Machine, folder: Path, name: str) -> None:
    """Albums into the inbox, at once, and durably: what is there then may not be lost by anything."""
    machine.put(folder, f"/srv/drop/{name}")
    machine.sh(f"chmod -R a+rX /srv/drop && umask 002 && runuser -u mate -- cp -r --no-preserve=mode /srv/drop/{name} {MUSIC_DIR}/import/{name} && sync && mv {MUSIC_DIR}/import/{name} {PENDING_DIR}/ && sync && rm -r /srv/drop/{name}")


def wait_for_calm(machine: Machine, timeout_seconds: float = 150) -> None:
    """Until nothing is due and nothing runs."""
    machine.wait_until("every job has reached an end", lambda: sql(machine, f"select count(*) from job where {OPEN}", check=False) == "0", timeout_seconds, 0.5)


def judge(machine: Machine, sounds: list, members: dict | None = None) -> None:
    """All that must be true when it is calm. `sounds` is what the household has; `members` what each has asked for."""
    assert sql(machine, "select id, kind, error from job where state = 'discarded'") == ""
    assert sounds_in(machine.path(MUSIC_DIR)) == sounds, "a song was lost, doubled or altered"
    # Rows and files are the same, in both directions.
    rows = set(sql(machine, "select path from track").splitlines())
    files = set(machine.sh(f"cd {MUSIC_DIR} && find artists -type f -name '*.opus'").splitlines())
    assert rows == files
    assert sql(machine, "select artist_id, title from album group by 1, 2 having count(*) > 1") == ""
    assert machine.sh(f"cd {MUSIC_DIR} && find artists users -name '.*'") == "", "something half-done is left"
    for name, member in (members or {}).items():
        judge_member(machine, name, member)


def judge_member(machine: Machine, name: str, member: Member) -> None:
    loved = {album for album, is_loved in member.loved.items() if is_loved and album not in member.deleted}
    mine = f"select h.album_id from heart h join app_user u on u.id = h.user_id join album a on a.id = h.album_id where u.username = '{name}'"
    there = set(map(int, sql(machine, mine).split()))
    assert there == loved, f"the hearts of {name} are not what was answered"
    years = {album: int(sql(machine, f"select year from album where id = {album}")) for album in member.years if album not in member.deleted}
    assert years == {album: member.years[album] for album in years}
    inodes = f"find -L {{}} -type f -name '*.opus' -printf '%i\\n' | sort"
    folder = f"{MUSIC_DIR}/users/{name}"
    linked = machine.sh(f"mkdir -p {folder}; {inodes.format(folder)}")
    paths = sql(machine, f"select t.path from track t where t.album_id in ({mine})").splitlines()
    wanted = machine.sh("sort <<'END'\n" + "".join(str(machine.path(f"{MUSIC_DIR}/{path}").stat().st_ino) + "\n" for path in paths) + "END")
    assert linked == wanted, f"the folder of {name} is not what the hearts say"

