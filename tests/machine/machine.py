#!/usr/bin/python3
"""A booted Debian 13 with systemd as PID 1, for the tests and for `./dev up`.

A machine is an overlay on the cached tree (see trees.py), a network namespace of its own with one cable to the host, and
systemd-nspawn. Nothing in it is imitated: units, sandboxes, credentials, journald, sockets and watchdogs are the real ones.

    with Machine.fresh("try") as machine:
        machine.run("systemctl", "is-system-running")

It is taken down when the block ends, however it ends.
"""

import contextlib
import fcntl
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import package
import trees

# nspawn drops CAP_NET_ADMIN by default, and without it `PrivateNetwork=yes` in a unit is skipped in silence.
CAPABILITIES = "CAP_BPF,CAP_NET_ADMIN,CAP_SYS_RESOURCE"
REPOSITORY_DIR = "/srv/barbossa-repository"
# A power cut for one file system: from now on nothing reaches its disk, not even the journal that waits to be written.
# EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH, of the kernel's include/uapi/linux/ext4.h.
EXT4_SHUTDOWN = 0x8004587D
WITHOUT_ITS_JOURNAL = 2
DISK_BYTES = 8 << 30
CLEAN_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
    "DEBIAN_FRONTEND": "noninteractive",
    "SYSTEMD_PAGER": "",
}


class MachineError(Exception):
    """The machine did not do what was asked; the text says what it said instead."""


def machines_dir() -> Path:
    return trees.cache_dir() / "machines"


class Machine:
    """One machine. Its disk lives in the cache folder under its name until `destroy`."""

    def __init__(self, name: str):
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,20}", name):
            raise MachineError(f"a machine's name is a short host name, not {name!r}")
        self.name = name
        self.dir = machines_dir() / name
        self.root = self.dir / "root"
        self.console = self.dir / "console.log"
        self.repository = self.dir / "repository"
        self.disk_image = self.dir / "disk.img"
        self.disk = self.dir / "disk"
        self.netns = f"barbossa-{name}"

    # -- life

    @classmethod
    @contextlib.contextmanager
    def fresh(cls, name: str, *layers: Path, has_disk: bool = False):
        """A newly made and booted machine, on top of `layers` that others left (see `freeze`), destroyed when the block ends."""
        machine = cls(name)
        machine.destroy()
        # A terminated test run must not leave a machine behind: SIGTERM becomes an exception that unwinds to here.
        previous = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        try:
            machine.create(*layers, has_disk=has_disk)
            machine.boot()
            yield machine
        finally:
            machine.destroy()
            signal.signal(signal.SIGTERM, previous)

    def create(self, *layers: Path, has_disk: bool = False) -> None:
        """Make the machine's own disk: empty, on top of `layers` and of the cached tree. With `has_disk` all that the machine
        writes goes to a file system of its own, whose power can be cut."""
        trees.require_root_and_nspawn()
        for part in (self.root, self.repository, self.disk):
            part.mkdir(parents=True, exist_ok=True)
        if has_disk:
            with open(self.disk_image, "wb") as image:
                image.truncate(DISK_BYTES)
            subprocess.run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0", self.disk_image], check=True)
            self._mount_disk()
        for part in ("upper", "work"):
            (self._own_dir / part).mkdir()
        (self.dir / "layers").write_text(":".join(map(str, [*layers, trees.base_tree()])))
        etc = self._own_dir / "upper" / "etc"
        (etc / "apt").mkdir(parents=True)
        (etc / "hostname").write_text(f"{self.name}\n")
        (etc / "hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {self.name}\n::1 localhost ip6-localhost\n")
        # The machine has no way to a mirror; everything it may install lies in the local signed repository.
        (etc / "apt" / "sources.list").write_text("# See sources.list.d.\n")
        # A machine that lives for minutes need not wait for the disk at each unpacked file.
        (etc / "dpkg" / "dpkg.cfg.d").mkdir(parents=True)
        (etc / "dpkg" / "dpkg.cfg.d" / "machine").write_text("force-unsafe-io\n")

    def boot(self, timeout_seconds: float = 60) -> None:
        """Start the machine on its disk, and wait until systemd has finished starting."""
        self._mount()
        self._connect()
        argv = [
            "systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot", "--console=pipe",
            f"--directory={self.root}", f"--machine={self.name}", f"--capability={CAPABILITIES}",
            f"--network-namespace-path=/run/netns/{self.netns}",
            f"--bind-ro={self.repository}:{REPOSITORY_DIR}",
            # Where the host's cgroups are v1, systemd 257 starts only when told so.
            "--setenv=SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1",
        ]
        environment = dict(os.environ)
        if not Path("/sys/fs/cgroup/cgroup.controllers").exists():
            environment["SYSTEMD_NSPAWN_UNIFIED_HIERARCHY"] = "1"
        if Path("/run/systemd/system").is_dir():
            argv = ["systemd-run", "--quiet", "--scope", "--property=Delegate=yes", "--", *argv]
        with open(self.console, "ab") as console:
            nspawn = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                env=environment, start_new_session=True,
            )
        (self.dir / "nspawn.pid").write_text(f"{nspawn.pid}\n")
        self.wait_until("PID 1 is there", lambda: self._find_leader() is not None, timeout_seconds)
        self.wait_until(
            "systemd has finished starting",
            lambda: self.run("systemctl", "is-system-running", check=False).stdout.strip()
            in ("running", "degraded"),
            timeout_seconds,
        )

    def is_running(self) -> bool:
        return self._find_leader() is not None

    def poweroff(self) -> None:
        """An orderly shutdown; the disk stays."""
        for _ in range(6):
            if self.is_running():
                # Asked again, since a request that meets a busy manager may be lost.
                self.run("systemctl", "poweroff", "--no-block", check=False)
                with contextlib.suppress(MachineError):
                    self._wait_for_nspawn_to_end(20)
        if self.is_running():
            jobs = self.run("systemctl", "list-jobs", "--no-pager", check=False).stdout
            raise MachineError(f"no end to the shutdown\n{jobs}\n{self.console.read_text(errors='replace')[-2000:]}")
        self._disconnect()

    def pull_plug(self) -> None:
        """SIGKILL for PID 1, and so for everything in the machine, at once; the disk stays."""
        leader = self._find_leader()
        if leader is not None:
            os.kill(leader, signal.SIGKILL)
            self._wait_for_nspawn_to_end(20)
        self._disconnect()

    def cut_power(self) -> None:
        """As when the mains fail: what is not on the disk by now never will be. For a machine with a disk of its own."""
        disk = os.open(self.disk, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(disk, EXT4_SHUTDOWN, struct.pack("I", WITHOUT_ITS_JOURNAL))
        finally:
            os.close(disk)
        self.pull_plug()
        self._unmount()

    def reboot(self) -> None:
        self.poweroff()
        self.boot()

    def freeze(self, layer: Path) -> None:
        """Power off, and leave the disk as a layer for other machines. This machine is gone then."""
        self.poweroff()
        self._unmount()
        (self._own_dir / "upper").rename(layer)
        self.destroy()

    def destroy(self) -> None:
        """Pull the plug and remove every trace. Harmless when there is nothing."""
        self.pull_plug()
        self._unmount()
        shutil.rmtree(self.dir, ignore_errors=True)

    # -- inside

    def enter(self, *argv) -> list:
        """The command line that runs `argv` inside."""
        return ["nsenter", f"--target={self._leader()}", "--all", "--wdns=/", "--", *map(str, argv)]

    def run(self, *argv, stdin=None, check=True, timeout=180, user=None) -> subprocess.CompletedProcess:
        """Run one command inside and return what it said; raises MachineError unless it succeeds (or `check=False`)."""
        command = [str(part) for part in argv]
        if user is not None:
            command = ["runuser", "-u", user, "--", *command]
        try:
            done = subprocess.run(
                self.enter(*command), env=CLEAN_ENVIRONMENT, text=True, errors="surrogateescape", timeout=timeout,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                **({"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}),
            )
        except subprocess.TimeoutExpired as late:
            raise MachineError(f"{' '.join(command)}: no end within {timeout} s\n{late.stdout or ''}{late.stderr or ''}") from late
        if check and done.returncode != 0:
            raise MachineError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def sh(self, script: str, **options) -> str:
        """Run a shell script inside (it stops at the first failing command) and return its standard output."""
        return self.run("sh", "-euc", script, **options).stdout

    def spawn(self, *argv, **options) -> subprocess.Popen:
        """Start a command inside and return at once."""
        return subprocess.Popen(self.enter(*argv), env=CLEAN_ENVIRONMENT, **options)

    def path(self, inside: str) -> Path:
        """Where the host sees a path of the running machine, mounts made inside included."""
        return Path(f"/proc/{self._leader()}/root") / inside.lstrip("/")

    def put(self, source: Path, inside: str) -> None:
        """Copy a file or a folder in, owned by root."""
        target = self.path(inside)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copy(source, target)

    def put_text(self, inside: str, text: str, mode: int = 0o644) -> None:
        """Write a file inside, owned by root."""
        target = self.path(inside)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def get(self, inside: str, target: Path) -> None:
        """Copy a file out."""
        shutil.copy(self.path(inside), target)

    def journal(self, *arguments) -> str:
        """What `journalctl` says."""
        return self.run("journalctl", "--no-pager", "--quiet", *arguments).stdout

    def show(self, unit: str, name: str) -> str:
        """One property of a unit."""
        return self.run("systemctl", "show", "--value", f"--property={name}", unit).stdout.strip()

    def wait_until(self, what: str, happens, timeout_seconds: float = 30, every_seconds: float = 0.1):
        """Ask again and again until `happens()` is true, and return what it gave; raises MachineError, naming `what`, when it does not."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            value = happens()
            if value:
                return value
            if time.monotonic() > deadline:
                raise MachineError(f"not within {timeout_seconds:g} s: {what}")
            time.sleep(every_seconds)

    # -- packages

    def publish(self, *packages: Path) -> None:
        """Make the machine's repository hold these versions of Barbossa and what they depend on, and its apt know of them."""
        package.repository([*packages, *package.dependencies(packages[0]).glob("*.deb")], self.repository, REPOSITORY_DIR)
        self.put(self.repository / "barbossa.sources", "/etc/apt/sources.list.d/")
        self.run("apt-get", "-q", "update")

    def apt(self, *arguments, check=True) -> subprocess.CompletedProcess:
        """`apt-get`, answering yes."""
        return self.run("apt-get", "-q", "-y", *arguments, check=check, timeout=300)

    # -- network

    @property
    def address(self) -> str:
        """The address at which the host reaches the machine."""
        return f"10.213.{self._cable_number()}.2"

    def network_down(self) -> None:
        """Pull the network cable."""
        subprocess.run(["ip", "link", "set", f"bbs{self._cable_number()}", "down"], check=True)

    def network_up(self) -> None:
        subprocess.run(["ip", "link", "set", f"bbs{self._cable_number()}", "up"], check=True)

    def in_network(self, *argv) -> list:
        """A command line that runs a program of the host with the machine's network, so that `localhost` is the machine's."""
        return ["nsenter", f"--net=/run/netns/{self.netns}", *[str(part) for part in argv]]

    # -- how it is done

    @property
    def _own_dir(self) -> Path:
        """Where the overlay's own layer lies."""
        return self.disk if self.disk_image.exists() else self.dir

    def _mount_disk(self) -> None:
        if self.disk_image.exists() and not os.path.ismount(self.disk):
            # A device of its own each time: the one from before a power cut may still be held by somebody's mount namespace, and
            # its file system is dead. This replays the journal, as the next start would. The device goes with the mount.
            made = subprocess.run(["losetup", "--find", "--show", self.disk_image], check=True, stdout=subprocess.PIPE, text=True)
            device = made.stdout.strip()
            try:
                subprocess.run(["mount", device, self.disk], check=True)
            finally:
                subprocess.run(["losetup", "--detach", device], check=True)

    def _mount(self) -> None:
        if os.path.ismount(self.root):
            return
        self._mount_disk()
        options = f"lowerdir={(self.dir / 'layers').read_text()},upperdir={self._own_dir}/upper,workdir={self._own_dir}/work"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, self.root], check=True)

    def _unmount(self) -> None:
        while os.path.ismount(self.root):
            subprocess.run(["umount", "--recursive", "--lazy", self.root], check=True)
        if os.path.ismount(self.disk):
            self.wait_until("the disk is free", lambda: subprocess.run(["umount", self.disk], capture_output=True).returncode == 0)

    def _connect(self) -> None:
        """One network namespace, one cable between it and the host, an address at each end."""
        self._disconnect()
        subprocess.run(["ip", "netns", "add", self.netns], check=True)
        for number in range(1, 255):
            cable = f"bbs{number}"
            made = subprocess.run(
                ["ip", "link", "add", cable, "type", "veth", "peer", "name", "host0", "netns", self.netns],
                capture_output=True, text=True,
            )
            if made.returncode == 0:
                break
            # Another machine holds this number; two runs may race for the next one and only one gets it.
            if "exists" not in made.stderr:
                raise MachineError(f"no network for the machine: {made.stderr.strip()}")
        else:
            raise MachineError("254 machines are running already")
        (self.dir / "cable").write_text(f"{number}\n")
        inside = ["ip", "-n", self.netns]
        for argv in (
            ["ip", "address", "add", f"10.213.{number}.1/24", "dev", cable],
            ["ip", "link", "set", cable, "up"],
            [*inside, "address", "add", f"10.213.{number}.2/24", "dev", "host0"],
            [*inside, "link", "set", "host0", "up"],
            [*inside, "link", "set", "lo", "up"],
        ):
            subprocess.run(argv, check=True)

    def _disconnect(self) -> None:
        # The cable goes with the namespace, but later, in a thread of the kernel: pull it first.
        with contextlib.suppress(OSError, ValueError):
            subprocess.run(["ip", "link", "delete", f"bbs{self._cable_number()}"], capture_output=True)
            (self.dir / "cable").unlink()
        subprocess.run(["ip", "netns", "delete", self.netns], capture_output=True)

    def _cable_number(self) -> int:
        return int((self.dir / "cable").read_text())

    def _nspawn_pid(self):
        """The nspawn process of this machine, or None. A recycled process number is not mistaken for it."""
        with contextlib.suppress(OSError, ValueError):
            pid = int((self.dir / "nspawn.pid").read_text())
            if f"--directory={self.root}".encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                return pid
        return None

    def _find_leader(self):
        """PID 1 of the machine as the host counts it, or None."""
        pid = self._nspawn_pid()
        if pid is None:
            return None
        with contextlib.suppress(OSError, ValueError):
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                # While starting, nspawn has a helper child: the leader is the one that is PID 1 in a namespace of its own.
                numbers = re.search(r"^NSpid:\s*(.*)$", Path(f"/proc/{child}/status").read_text(), re.M).group(1).split()
                if numbers[-1] == "1" and Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                    return int(child)
        return None

    def _leader(self) -> int:
        leader = self._find_leader()
        if leader is None:
            raise MachineError(f"the machine {self.name} is not running; its console: {self.console}")
        return leader


    def _wait_for_nspawn_to_end(self, timeout_seconds: float) -> None:
        def ended() -> bool:
            pid = self._nspawn_pid()
            if pid is None:
                return True
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            return self._nspawn_pid() is None

        self.wait_until("systemd-nspawn has ended", ended, timeout_seconds)


# -- by hand

def main(arguments: list) -> int:
    """The machine of `./dev up`, by hand: down|shell [COMMAND…]|logs|status."""
    trees.require_root_and_nspawn()
    machine = Machine("up")
    if arguments == ["down"]:
        machine.destroy()
        return 0
    if not machine.is_running():
        print("The machine is not running; ./dev up starts it.", file=sys.stderr)
        return 1
    environment = {**CLEAN_ENVIRONMENT, "TERM": os.environ.get("TERM", "dumb")}
    match arguments:
        case ["shell", *command]:
            argv = machine.enter(*(command or ["bash", "--login"]))
        case ["logs"]:
            argv = machine.enter("journalctl", "--follow", "--lines=50", "--unit=barbossa-*")
        case ["status"]:
            print(f"https://{machine.address}/", flush=True)
            argv = machine.enter("systemctl", "--no-pager", "--lines=0", "status", "barbossa-*")
        case _:
            print(main.__doc__, file=sys.stderr)
            return 2
    os.execvpe(argv[0], argv, environment)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
