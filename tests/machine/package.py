#!/usr/bin/python3
"""From the built binary to what a machine installs: the .deb, its dependencies, and the signed repository of both.

Built and judged inside the cached Debian 13 tree, so the machine of the developer may be another Debian. What was made
is kept under a hash of what went into it, and not made twice.

    package.py deb|lintian|units|repository OUT_DIR
"""

import hashlib
import os
import shutil
import subprocess
import sys
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
    with trees.overlay(layers) as root:
        source = root / "srv/build/barbossa"
        for name in source_files():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CHECKOUT / name, source / name, follow_symlinks=False)
        changelog = source / "debian/changelog"
        released = changelog.read_text()
        version = released.split("(", 1)[1].split(")", 1)[0]
        signature = next(line for line in released.splitlines() if line.startswith(" -- "))
        who = signature.removeprefix(" -- ").split(">")[0] + ">"
        now = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime())
        built = time.strftime("%Y%m%d%H%M%S", time.gmtime())
        changelog.write_text(
            f"barbossa ({version}~dev{built}) UNRELEASED; urgency=medium\n\n  * Built from a checkout.\n\n -- {who}  {now}\n\n{released}"
        )
        shutil.copy(binary(), root / "srv/build/binary")
        shutil.copytree(pages(), root / "srv/build/web")
        prebuilt = "BARBOSSA_BINARY=/srv/build/binary BARBOSSA_WEB=/srv/build/web"
        _say_on_failure(
            trees.inside(root, ["sh", "-euc", f"cd /srv/build/barbossa && {prebuilt} dpkg-buildpackage -b -us -uc -d -nc"])
        )
        for made in (root / "srv/build").glob("barbossa_*"):
            shutil.copy(made, partial)
    partial.rename(made_dir)


def _forget_old(packages_dir: Path, kept: int = 8) -> None:
    by_age = sorted(packages_dir.iterdir(), key=lambda made: made.stat().st_mtime, reverse=True)
    for old in by_age[kept:]:
        shutil.rmtree(old)


def needs_of(package: Path) -> str:
    """What the package asks to have beside it, as `apt-get satisfy` reads it."""
    fields = ["Pre-Depends", "Depends", "Recommends"]
    said = subprocess.run(["dpkg-deb", "--show", f"--showformat={', '.join(f'${{{field}}}' for field in fields)}", package], check=True, stdout=subprocess.PIPE, text=True).stdout
    return ", ".join(filter(None, map(str.strip, said.split(","))))


def dependencies(package: Path) -> Path:
    """A folder with every .deb that a plain Debian 13 lacks for `apt install barbossa`, fetched once per set of dependencies."""
    base = trees.base_tree()
    folder = trees.cache_dir() / "dependencies" / hashlib.sha256(f"{base.name}\n{needs_of(package)}".encode()).hexdigest()[:16]
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
                    ["sh", "-euc", "apt-get -q update && apt-get -q install -y --download-only /srv/barbossa.deb"],
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
    """lintian's judgement; nothing is left unsaid and nothing is forgiven."""
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
        case ["repository", out_dir]:
            made = deb()
            repository([made, *dependencies(made).glob("*.deb")], Path(out_dir))
        case _:
            print(__doc__.strip().splitlines()[-1].strip(), file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
