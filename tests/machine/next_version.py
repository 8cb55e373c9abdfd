"""The next version of Barbossa, for upgrades to be tried with: this checkout's own program, but of version 0.2.0 and with one migration more.

It is compiled in the checkout's target folder from a copy of the sources, under another package name, so that all
dependencies are there already and the checkout's own build is left alone.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import package
import trees

VERSION = "0.2.0"
NAME = "barbossa-next"
SOURCES = ["Cargo.toml", "Cargo.lock", "src", "tests/it", "benches", "packaging", "web", "build.rs"]
# A table, and a column in a table that every page reads: what an expanding migration does.
MIGRATION = """alter table album add column next_note text not null default '';
create table next_thing (
    id bigint generated always as identity,
    constraint next_thing_pk primary key (id)
);
"""
# What a database can have that the migration does not expect: then it fails, as a whole.
OBSTACLE = "create table next_thing (old integer)"
REMOVE_OBSTACLE = "drop table next_thing"


def program() -> Path:
    """The program, compiled."""
    target = package.binary().parents[1]
    profile = package.binary().parent.name
    source = target / "next-version"
    with trees.locked("next-version"):
        _copy(source)
        subprocess.run(
            ["cargo", "build", "--quiet", "--locked", "--profile", profile, "--bin", NAME],
            cwd=source, check=True, stdin=subprocess.DEVNULL, env={**os.environ, "CARGO_TARGET_DIR": str(target)},
        )
    return target / profile / NAME


def deb(current: Path, out_dir: Path) -> Path:
    """The package `current` with the next version's program in it."""
    built = program()

    def exchange(root: Path) -> None:
        shutil.copy(built, root / "usr/bin/barbossa")

    return package.variant(current, VERSION, out_dir, exchange)


def newest_migration() -> int:
    return max(int(path.name[:4]) for path in (package.CHECKOUT / "src/db/migrations").glob("*.sql"))


def _copy(source: Path) -> None:
    """The checkout's sources with the changes; what is unchanged since the last time keeps its time, for cargo's sake."""
    wanted = {Path(name): (package.CHECKOUT / name).read_bytes() for name in package.source_files(SOURCES)}
    number = newest_migration() + 1
    manifest = wanted[Path("Cargo.toml")].decode()
    manifest = manifest.replace('name = "barbossa"', f'name = "{NAME}"').replace("[lib]\n", '[lib]\nname = "barbossa"\n')
    manifest = re.sub(r'^version = ".*"', f'version = "{VERSION}"', manifest, count=1, flags=re.M)
    wanted[Path("Cargo.toml")] = re.sub(r"\.package\.barbossa\]", f".package.{NAME}]", manifest).encode()
    wanted[Path("Cargo.lock")] = re.sub(
        r'name = "barbossa"\nversion = ".*"', f'name = "{NAME}"\nversion = "{VERSION}"', wanted[Path("Cargo.lock")].decode(), count=1
    ).encode()
    runner = Path("src/db/migrate.rs")
    entry = f'    Migration {{ version: {number}, name: "next", sql: include_str!("migrations/{number:04}_next.sql") }},\n];\n'
    wanted[runner] = re.sub(r"^\];\n", entry, wanted[runner].decode(), count=1, flags=re.M).encode()
    wanted[Path(f"src/db/migrations/{number:04}_next.sql")] = MIGRATION.encode()
    for path in source.rglob("*"):
        if path.is_file() and path.relative_to(source) not in wanted:
            path.unlink()
    for name, text in wanted.items():
        path = source / name
        if not path.is_file() or path.read_bytes() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)
