"""The cached Debian 13 trees: a plain minimal one that machines boot from, and one with the tools that build and judge the package.

Each is made once and kept in the cache folder under a hash of its recipe, so a changed recipe makes a new tree and an
old checkout still finds its own.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

SUITE = "trixie"
# What a plain Debian server has and debootstrap's smallest variant has not.
BASE_PACKAGES = [
    "systemd", "systemd-sysv", "dbus", "libpam-systemd", "iproute2", "curl", "ca-certificates", "procps", "less",
]
# debhelper builds the package, lintian judges it (man-db lets it read the manual pages), and redis-server is there
# because `systemd-analyze verify` wants to see what a unit starts.
COMPILER_PACKAGES = ["cargo", "rustc", "gcc", "libc6-dev", "python3"]
BUILD_PACKAGES = ["debhelper", "dpkg-dev", "fakeroot", "lintian", "man-db", "redis-server", "postgresql-client"]


def cache_dir() -> Path:
    """Where everything lives that is slow to make; shared by all checkouts of this machine."""
    return Path(os.environ.get("BARBOSSA_DEV_CACHE", "/var/cache/barbossa-dev"))


def require_root_and_nspawn() -> None:
    """Machines need root and systemd-nspawn; without them the run ends here, as failed, with one clear line."""
    if os.geteuid() != 0:
        sys.exit("barbossa: machines need root (try: sudo ./dev …)")
    for program, package in (("systemd-nspawn", "systemd-container"), ("mmdebstrap", "mmdebstrap"), ("ip", "iproute2")):
        if shutil.which(program) is None:
            sys.exit(f"barbossa: machines need {program} (apt install {package}, or ./dev setup)")


def _recipe_hash(*recipe) -> str:
    return hashlib.sha256(repr(recipe).encode()).hexdigest()[:12]


@contextlib.contextmanager
def locked(name: str):
    """Let only one process make a thing of this name; the others wait and then find it made."""
    cache_dir().mkdir(parents=True, exist_ok=True)
    with open(cache_dir() / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def say(text: str) -> None:
    print(f"  {text}", flush=True)


def base_tree() -> Path:
    """The plain minimal Debian 13, made if absent."""
    require_root_and_nspawn()
    tree = cache_dir() / "trees" / f"base-{_recipe_hash(SUITE, BASE_PACKAGES)}"
    with locked("trees"):
        if not tree.is_dir():
            partial = tree.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            tree.parent.mkdir(parents=True, exist_ok=True)
            say("making the Debian 13 tree (once)")
            # No mirror is named: mmdebstrap takes Debian's own, or what this machine's apt is set to.
            _logged(
                ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(BASE_PACKAGES)}", SUITE, str(partial)],
                tree.with_suffix(".log"),
            )
            partial.rename(tree)
    return tree


def build_tree() -> list:
    """The layers of the tree with the build tools, topmost first, made if absent."""
    return with_packages("build", [base_tree()], "debhelper and lintian", BUILD_PACKAGES)


def compiler_tree() -> list:
    """The same with Debian's own Rust, which is new enough in trixie-backports."""
    backports = "sed -n 's/^deb \\(.*\\) trixie main.*/deb \\1 trixie-backports main/p' /etc/apt/sources.list >/etc/apt/sources.list.d/backports.list"
    return with_packages("compiler", build_tree(), "cargo and rustc", ["-t", "trixie-backports", *COMPILER_PACKAGES], backports)


def with_packages(name: str, below: list, what: str, packages: list, before: str = "true") -> list:
    """The layers of a tree with more packages on top, made if absent."""
    layer = cache_dir() / "trees" / f"{name}-{_recipe_hash(below[0].name, packages)}"
    with locked(f"{name}-tree"):
        if not layer.is_dir():
            partial = layer.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            say(f"adding {what} to it (once)")
            with overlay(below, upper=partial) as root:
                # Services of the tree are tools here: none may start.
                (root / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
                (root / "usr/sbin/policy-rc.d").chmod(0o755)
                _logged(
                    inside(root, ["sh", "-euc", f"{before} && apt-get -q update && apt-get -q install -y --no-install-recommends {' '.join(packages)}"]),
                    layer.with_suffix(".log"),
                )
            partial.rename(layer)
    return [layer, *below]


@contextlib.contextmanager
def overlay(layers: list, upper: Path | None = None):
    """A writable root on top of `layers` (topmost first). What is written goes to `upper`, or is thrown away at the end."""
    scratch = cache_dir() / "scratch" / f"{os.getpid()}-{time.monotonic_ns()}"
    root, work = scratch / "root", scratch / "work"
    for part in (root, work, scratch / "upper"):
        part.mkdir(parents=True)
    # overlayfs wants its work folder on the file system of the upper one: both are in the cache folder.
    options = f"lowerdir={':'.join(map(str, layers))},upperdir={upper or scratch / 'upper'},workdir={work}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, root], check=True)
    try:
        yield root
    finally:
        subprocess.run(["umount", root], check=True)
        shutil.rmtree(scratch)


def inside(root: Path, argv: list, binds: dict | None = None, read_only_binds: dict | None = None, has_network: bool = True) -> list:
    """The command line that runs `argv` in `root` as in a chroot, with its own /proc and /dev and the host's network (or none)."""
    nspawn = [
        "systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--as-pid2", "--console=pipe",
        "--resolv-conf=copy-host", "--setenv=DEBIAN_FRONTEND=noninteractive", "--setenv=LC_ALL=C.UTF-8",
        f"--directory={root}", f"--machine=barbossa-{root.parent.name}",
    ]
    if not has_network:
        nspawn.append("--private-network")
    nspawn += [f"--bind={host}:{there}" for host, there in (binds or {}).items()]
    nspawn += [f"--bind-ro={host}:{there}" for host, there in (read_only_binds or {}).items()]
    return [*nspawn, "--", *map(str, argv)]


def run_inside(root: Path, argv: list, **binds) -> subprocess.CompletedProcess:
    """Run `argv` in `root`; all it says is in `stdout`. What nspawn itself says (it grumbles about overlays) is in `stderr`."""
    merged = ["sh", "-c", 'exec "$@" 2>&1', "sh", *argv]
    return subprocess.run(
        inside(root, merged, **binds), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
    )


def _logged(argv: list, log: Path) -> None:
    """Run a long command with its output in a file, shown only when it fails."""
    with open(log, "w") as output:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        sys.exit(f"{log.read_text()[-4000:]}\nbarbossa: {argv[0]} failed; all it said: {log}")
