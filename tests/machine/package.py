#!/usr/bin/python3
"""From the built binary to what a machine installs: the .deb, its dependencies, and the signed repository of both.

Built and judged inside the cached Debian 13 tree, so the machine of the developer may be another Debian. What was made
is kept under a hash of what went into it, and not made twice.

    package.py deb|lintian|units|reproducible|repository OUT_DIR|apt-repo OUT_DIR
    package.py release      as users get it: from vendored crates, without a network, twice, the same bytes
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import trees

CHECKOUT = Path(__file__).resolve().parents[2]
# What dpkg-buildpackage reads; the program itself and the pages arrive built.
PACKAGE_SOURCES = ["debian", "units", "packaging", "nginx", "backups", "README.md", "LICENSE", "CHANGELOG.md", "Cargo.toml", "Cargo.lock"]
# Scores of `systemd-analyze security`, times ten. Only the fetcher may reach the internet, and pays for it.
EXPOSURE_LIMITS = {"barbossa-fetch.service": 12}
EXPOSURE_LIMIT = 3


def binary() -> Path:
    """The program that cargo built."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", trees.cache_dir() / "target"))
    path = target / os.environ.get("BARBOSSA_PROFILE", "release") / "barbossa"
    if not path.is_file():
        sys.exit(f"barbossa: no {path}; run ./dev build")
    return path


def pages() -> Path:
    """The pages that web/build.mjs made."""
    path = CHECKOUT / "web/dist"
    if not (path / "index.html").is_file():
        sys.exit(f"barbossa: no {path}; run ./dev web")
    return path


def source_files(sources: list = PACKAGE_SOURCES) -> list:
    """The files of the checkout beneath `sources` (what goes into the package), as git knows them: tracked or new, never ignored."""
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={CHECKOUT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *sources],
        cwd=CHECKOUT, check=True, stdout=subprocess.PIPE,
    )
    names = sorted(set(filter(None, listed.stdout.decode().split("\0"))))
    return [name for name in names if (CHECKOUT / name).is_file()]


def deb() -> Path:
    """The package of this checkout and its built binary. Its version says that it comes before the release."""
    layers = trees.build_tree()
    digest = hashlib.sha256("|".join(layer.name for layer in layers).encode())
    digest.update(binary().read_bytes())
    for page in sorted(path for path in pages().rglob("*") if path.is_file()):
        digest.update(f"\0{page.relative_to(pages())}\0".encode() + page.read_bytes())
    for name in source_files():
        mode = (CHECKOUT / name).stat().st_mode
        digest.update(f"\0{name}\0{mode:o}\0".encode() + (CHECKOUT / name).read_bytes())
    made_dir = trees.cache_dir() / "packages" / digest.hexdigest()[:16]
    with trees.locked("packages"):
        if not made_dir.is_dir():
            _build(layers, made_dir)
            _forget_old(made_dir.parent)
    return next(made_dir.glob("barbossa_*.deb"))


def _build(layers: list, made_dir: Path) -> None:
    trees.say("building the package")
    partial = made_dir.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    _build_at("/srv/build/barbossa", layers, partial, time.time())
    partial.rename(made_dir)


def _build_at(place: str, layers: list, out_dir: Path, built_at: float, umask: str = "022") -> None:
    """Build in the folder `place` of the tree, as of the time `built_at`; what is made goes to `out_dir`."""
    with trees.overlay(layers) as root:
        source = root / place.lstrip("/")
        for name in source_files():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CHECKOUT / name, source / name, follow_symlinks=False)
        changelog = source / "debian/changelog"
        released = changelog.read_text()
        version = released.split("(", 1)[1].split(")", 1)[0]
        signature = next(line for line in released.splitlines() if line.startswith(" -- "))
        who = signature.removeprefix(" -- ").split(">")[0] + ">"
        now = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(built_at))
        built = time.strftime("%Y%m%d%H%M%S", time.gmtime(built_at))
        changelog.write_text(
            f"barbossa ({version}~dev{built}) UNRELEASED; urgency=medium\n\n  * Built from a checkout.\n\n -- {who}  {now}\n\n{released}"
        )
        shutil.copy(binary(), source.parent / "binary")
        shutil.copytree(pages(), source.parent / "web")
        with open(source.parent / "notices", "wb") as notices:
            subprocess.run([CHECKOUT / "packaging/crate-licences", "--texts"], check=True, stdout=notices)
        prebuilt = " ".join(f"BARBOSSA_{what.upper()}=$(dirname $PWD)/{what}" for what in ("binary", "web", "notices"))
        script = f"umask {umask} && cd {place} && {prebuilt} dpkg-buildpackage -b -us -uc -d -nc"
        _say_on_failure(trees.inside(root, ["sh", "-euc", script]))
        for made in source.parent.glob("barbossa_*"):
            shutil.copy(made, out_dir)


def reproducible() -> int:
    """Two builds of the package around the built program, in two places, under two umasks: the same bytes."""
    with tempfile.TemporaryDirectory() as scratch:
        built_at, made = time.time(), []
        for number, (place, umask) in enumerate((("/srv/build/barbossa", "022"), ("/var/tmp/elsewhere/a-longer-path/source", "027"))):
            out_dir = Path(scratch) / str(number)
            out_dir.mkdir()
            _build_at(place, trees.build_tree(), out_dir, built_at, umask)
            made += out_dir.glob("*.deb")
        return same_bytes("package", made)


def same_bytes(what: str, made: list) -> int:
    """Whether two builds are one; says it as the other judgements do."""
    sums = [hashlib.sha256(path.read_bytes()).hexdigest() for path in made]
    for path, checksum in zip(made, sums):
        print(f"{checksum}  {path.name}")
    is_same = len(sums) == 2 and sums[0] == sums[1]
    print(f"reproducible {what}: {int(is_same)} passed, {int(not is_same)} failed")
    return int(not is_same)


def release() -> int:
    """The package as users get it: the whole source with its crates in vendor/, Debian's own compiler, no network; built twice."""
    crates = trees.cache_dir() / "vendored" / hashlib.sha256((CHECKOUT / "Cargo.lock").read_bytes()).hexdigest()[:16]
    with trees.locked("vendored"):
        if not crates.is_dir():
            partial = crates.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.parent.mkdir(parents=True, exist_ok=True)
            _say_on_failure(["cargo", "vendor", "--quiet", "--locked", f"--manifest-path={CHECKOUT}/Cargo.toml", partial])
            partial.rename(crates)
    out_dir = trees.cache_dir() / "release"
    shutil.rmtree(out_dir, ignore_errors=True)
    made = []
    for place in ("/srv/build/barbossa", "/var/tmp/elsewhere/a-longer-path/source"):
        trees.say(f"building in {place}, without a network")
        with trees.overlay(trees.compiler_tree()) as root:
            source = root / place.lstrip("/")
            for name in source_files(["."]):
                (source / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(CHECKOUT / name, source / name, follow_symlinks=False)
            shutil.copytree(crates, source / "vendor")
            # What npm installs has no place in the source: the pages arrive built, by their lock file.
            shutil.copytree(pages(), source.parent / "web")
            options = f"CARGO_INCREMENTAL=0 BARBOSSA_PROFILE={os.environ.get('BARBOSSA_PROFILE', 'dist')} BARBOSSA_WEB=$(dirname $PWD)/web"
            script = f"cd {place} && {options} dpkg-buildpackage -b -us -uc -d"
            _say_on_failure(trees.inside(root, ["sh", "-euc", script], has_network=False))
            folder = out_dir / str(len(made))
            folder.mkdir(parents=True)
            for found in source.parent.glob("barbossa_*"):
                shutil.copy(found, folder)
            made += folder.glob("*.deb")
    return same_bytes("release", made)


def _forget_old(packages_dir: Path, kept: int = 8) -> None:
    by_age = sorted(packages_dir.iterdir(), key=lambda made: made.stat().st_mtime, reverse=True)
    for old in by_age[kept:]:
        shutil.rmtree(old)


def needs_of(package: Path) -> str:
    """What the package asks to have beside it, as `apt-get satisfy` reads it."""
    fields = ["Pre-Depends", "Depends", "Recommends"]
    said = subprocess.run(["dpkg-deb", "--show", f"--showformat={', '.join(f'${{{field}}}' for field in fields)}", package], check=True, stdout=subprocess.PIPE, text=True).stdout
    return ", ".join(filter(None, map(str.strip, said.split(","))))


# What an admin may add, and the tests do; and what plays the outer world to it: a certificate authority, a wrong clock.
TOOLS = ["certbot", "pgbackrest", "rclone", "restic", "libfaketime", "pebble"]


def dependencies(package: Path) -> Path:
    """A folder with every .deb that a plain Debian 13 lacks for `apt install barbossa` and TOOLS, fetched once per set of them."""
    base = trees.base_tree()
    folder = trees.cache_dir() / "dependencies" / hashlib.sha256(f"{base.name}\n{needs_of(package)}\n{TOOLS}".encode()).hexdigest()[:16]
    with trees.locked("dependencies"):
        if not folder.is_dir():
            trees.say("fetching what it depends on (once)")
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            with trees.overlay([base]) as root:
                shutil.copy(package, root / "srv/barbossa.deb")
                _say_on_failure(trees.inside(
                    root,
                    ["sh", "-euc", f"apt-get -q update && apt-get -q install -y --download-only /srv/barbossa.deb {' '.join(TOOLS)}"],
                    binds={partial: "/var/cache/apt/archives"},
                ))
            for leftover in ("partial", "lock"):
                path = partial / leftover
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            partial.rename(folder)
    return folder


def repository(packages: list, out_dir: Path, seen_as: str | None = None) -> None:
    """Make `out_dir`, which apt will know as the folder `seen_as`, a signed repository of `packages`: several versions may stand side by side."""
    scratch = trees.cache_dir() / "scratch" / f"repository-{os.getpid()}-{time.monotonic_ns()}"
    debs, made = scratch / "debs", scratch / "made"
    debs.mkdir(parents=True)
    try:
        for package in packages:
            shutil.copy(package, debs / package.name)
        keys = trees.cache_dir() / "repository-key"
        keys.mkdir(mode=0o700, parents=True, exist_ok=True)
        with trees.locked("repository"):
            _say_on_failure([CHECKOUT / "packaging/apt-repository", debs, made, f"file:{seen_as or out_dir}"], GNUPGHOME=str(keys))
        # The folder itself stays the same one: a running machine has it mounted.
        out_dir.mkdir(parents=True, exist_ok=True)
        for old in out_dir.iterdir():
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        shutil.copytree(made, out_dir, symlinks=True, dirs_exist_ok=True)
    finally:
        shutil.rmtree(scratch)


def apt_repo(out_dir: Path) -> None:
    """Add this version to the signed repository in `out_dir`, beside the earlier ones that it has."""
    made = deb()
    earlier = [path for path in out_dir.glob("pool/main/*.deb") if not path.name.startswith(f"barbossa_{version_of(made)}_")]
    neighbours = {path.name: path for path in [*earlier, *dependencies(made).glob("*.deb")]}
    repository([made, *neighbours.values()], out_dir)
    versions = sorted(path.name.split("_")[1] for path in out_dir.glob("pool/main/barbossa_*.deb"))
    print(f"{out_dir}: {', '.join(versions)}; {out_dir}/barbossa.sources is for /etc/apt/sources.list.d/")


def variant(package: Path, version: str, out_dir: Path, change=None) -> Path:
    """The same package under another version, after `change(root)` has had its way with its files: an upgrade to test with."""
    root = out_dir / f"variant-{version}"
    shutil.rmtree(root, ignore_errors=True)
    subprocess.run(["dpkg-deb", "--raw-extract", package, root], check=True)
    control = root / "DEBIAN/control"
    lines = [f"Version: {version}" if line.startswith("Version:") else line for line in control.read_text().splitlines()]
    control.write_text("\n".join(lines) + "\n")
    if change is not None:
        change(root)
    # apt-ftparchive takes a file for what its name says.
    made = out_dir / f"barbossa_{version}_{package.stem.rsplit('_', 1)[1]}.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", root, made], check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(root)
    return made


def version_of(package: Path) -> str:
    return subprocess.run(["dpkg-deb", "--field", package, "Version"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def lintian() -> int:
    """lintian's judgement; nothing is left unsaid and nothing is forgiven. And whether the licences of all crates are named."""
    if subprocess.run([CHECKOUT / "packaging/crate-licences"]).returncode != 0:
        print("lintian: 0 passed, 1 failed")
        return 1
    made = deb()
    with trees.overlay(trees.build_tree()) as root:
        shutil.copytree(made.parent, root / "srv/package")
        argv = ["sh", "-euc", "lintian --allow-root --info --display-info --pedantic --fail-on error,warning,info,pedantic /srv/package/barbossa_*.changes"]
        done = trees.run_inside(root, argv)
    print(done.stdout, end="")
    failed = done.returncode != 0
    print("lintian: 0 passed, 1 failed" if failed else "lintian: 1 passed, 0 failed")
    return int(failed)


def units() -> int:
    """The units' own rules, `systemd-analyze verify` on every unit of the package, and the exposure that each may have."""
    made = deb()
    failed = passed = 0
    if subprocess.run([CHECKOUT / "packaging/check-units"]).returncode == 0:
        passed += 1
    else:
        failed += 1
    with trees.overlay(trees.build_tree()) as root:
        _say_on_failure(["dpkg-deb", "--extract", made, root])
        _say_on_failure(trees.inside(root, ["systemd-sysusers"]))
        names = sorted(path.name for path in (root / "usr/lib/systemd/system").glob("barbossa*") if path.is_file())
        # A template is judged through an instance.
        names = [name.replace("@.", "@example.") for name in names]
        checks = [(f"verify {name}", ["systemd-analyze", "verify", "--man=no", "--recursive-errors=one", name]) for name in names]
        checks += [
            (
                f"exposure of {name}",
                ["systemd-analyze", "security", "--no-pager", "--offline=true", f"--threshold={EXPOSURE_LIMITS.get(name, EXPOSURE_LIMIT)}", name],
            )
            for name in names
            if name.endswith(".service")
        ]
        for what, argv in checks:
            done = trees.run_inside(root, argv)
            # verify ends with 0 where it only ignored a line that it does not know: for our own units that is an error too.
            complaints = [line for line in done.stdout.splitlines() if "barbossa" in line] if what.startswith("verify") else []
            if done.returncode != 0 or complaints:
                failed += 1
                print(f"{what}: failed\n{done.stdout}")
            else:
                passed += 1
    print(f"units: {passed} passed, {failed} failed")
    return int(failed > 0 or passed == 0)


def _say_on_failure(argv: list, **environment) -> None:
    done = subprocess.run(
        list(map(str, argv)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", env={**os.environ, **environment},
    )
    if done.returncode != 0:
        sys.exit(f"{done.stdout[-6000:]}\nbarbossa: failed: {' '.join(map(str, argv[:1]))} … {argv[-1]}")


def main(arguments: list) -> int:
    match arguments:
        case ["deb"]:
            print(deb())
        case ["lintian"]:
            return lintian()
        case ["units"]:
            return units()
        case ["reproducible"]:
            return reproducible()
        case ["release"]:
            return release()
        case ["apt-repo", out_dir]:
            apt_repo(Path(out_dir).resolve())
        case ["repository", out_dir]:
            made = deb()
            repository([made, *dependencies(made).glob("*.deb")], Path(out_dir))
        case _:
            print(*__doc__.strip().splitlines()[-2:], sep="\n", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
