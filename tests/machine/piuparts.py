#!/usr/bin/python3
"""`./dev piuparts`: Debian's own judge of installing, upgrading, removing and purging, on this checkout's package.

It runs in a tree of its own, on a Debian that has nothing but the signed repository of the package, an earlier version of it
and all that they depend on: no network is needed. What is kept on purpose is told to it, and nothing else.
"""

import contextlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import package
import trees

EARLIER = "0.0.9"
REPOSITORY = "/srv/repository"
# The family's, which a purge leaves: see README.Debian.
KEPT = [r"^/var/lib/barbossa(/.*)?$"]
# What it says of each of its two walks.
PASSES = ["PASS: Installation and purging test.", "PASS: Installation, upgrade and purging tests."]
ENVIRONMENT = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8"]


def base_tarball(target: Path) -> None:
    """The minimal Debian, whose apt knows the one repository."""
    with trees.overlay([trees.base_tree()]) as root:
        sources = root / "etc/apt"
        shutil.rmtree(sources / "sources.list.d", ignore_errors=True)
        (sources / "sources.list").write_text(f"deb [trusted=yes] file:{REPOSITORY} stable main\n")
        subprocess.run(["tar", "--create", f"--file={target}", "--use-compress-program=gzip -1", "--exclude=./dev/*", f"--directory={root}", "."], check=True)


@contextlib.contextmanager
def mounted(root: Path, *mounts: tuple):
    """Mounts, undone at the end in the other order."""
    with contextlib.ExitStack() as stack:
        for options, source, inside in mounts:
            target = root / inside
            target.mkdir(parents=True, exist_ok=True)
            subprocess.run(["mount", *options, source, target], check=True)
            stack.callback(subprocess.run, ["umount", "--recursive", "--lazy", target], check=True)
        yield


def judge(deb: Path, scratch: Path) -> subprocess.CompletedProcess:
    repository, work = scratch / "repository", scratch / "work"
    work.mkdir()
    earlier = package.variant(deb, EARLIER, scratch)
    package.repository([earlier, *package.dependencies(deb).glob("*.deb")], repository, REPOSITORY)
    base_tarball(work / "base.tgz")
    shutil.copy(deb, work)
    layers = trees.with_packages("piuparts", [trees.base_tree()], "piuparts", ["piuparts"])
    with trees.overlay(layers) as root:
        mounts = (
            (["--bind"], work, "srv/piuparts"), (["--bind"], repository, REPOSITORY.lstrip("/")),
            (["--rbind", "--make-rslave"], "/dev", "dev"), (["-t", "proc"], "proc", "proc"), (["-t", "sysfs", "-o", "ro"], "sysfs", "sys"),
        )
        with mounted(root, *mounts):
            argv = ["piuparts", "--basetgz=/srv/piuparts/base.tgz", "--keep-sources-list", f"--bindmount={REPOSITORY}", "--no-eatmydata", "--tmpdir=/var/tmp"]
            argv += ["--distribution=trixie", *(f"--ignore-regex={kept}" for kept in KEPT), f"/srv/piuparts/{deb.name}"]
            return subprocess.run(["chroot", root, *ENVIRONMENT, *argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")


def main() -> int:
    deb = package.deb()
    trees.say(f"piuparts: {deb.name} installed and purged; {EARLIER} installed, upgraded to it, purged")
    with tempfile.TemporaryDirectory(dir=trees.cache_dir()) as scratch:
        done = judge(deb, Path(scratch))
    missing = [line for line in PASSES if line not in done.stdout]
    if done.returncode != 0 or missing:
        print("\n".join(line for line in done.stdout.splitlines() if " DUMP: " not in line)[-12000:])
    failed = max(len(missing), int(done.returncode != 0))
    print(f"piuparts: {len(PASSES) - failed} passed, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
