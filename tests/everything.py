#!/usr/bin/python3
"""`./dev test`: every check there is, cheap first, and one plain line at the end: `N passed, N failed`.

A stage that fails does not keep the later ones from running, so one run tells all that is wrong; only what cannot run
without the built program and its package is counted as failed unseen when they cannot be built.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
# Name, recipe of the Justfile, and whether it needs the built package.
STAGES = [
    ("fmt", ["check-format"], False),
    ("clippy", ["clippy"], False),
    ("docs", ["docs"], False),
    ("alert rules", ["alerts"], False),
    ("pages", ["web-check"], False),
    ("unit and integration tests", ["it"], False),
    ("package", ["deb"], True),
    ("units", ["units"], True),
    ("lintian", ["lintian"], True),
    ("reproducible package", ["reproducible"], True),
    ("piuparts", ["piuparts"], True),
    ("machine tests", ["test-machine"], True),
]
# What the tools say at their end: cargo's tests, nextest, pytest and our own. Skipped tests count as failed: nothing is skipped here.
PASSED = re.compile(r"(\d+)(?: tests?)? passed")
NOT_PASSED = re.compile(r"(?<![\d.])(\d+) (?:failed|errors?|ignored|skipped|xfailed|timed out)\b")
SUMMARY = re.compile(r"^(test result: .*|\s*Summary \[.*|=* ?\d+ (?:passed|failed|error).*|(?:units|lintian|reproducible package|piuparts): \d+ passed, \d+ failed)$")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def main() -> int:
    started = time.monotonic()
    passed = failed = 0
    package_failed = False
    for name, recipe, needs_package in STAGES:
        print(f"\n=== {name} [{time.monotonic() - started:.0f} s]", flush=True)
        if needs_package and package_failed:
            print("not run: there is no package", flush=True)
            failed += 1
            continue
        stage_passed, stage_failed = run(recipe)
        passed, failed = passed + stage_passed, failed + stage_failed
        if name == "package":
            package_failed = stage_failed > 0
        print(f"=== {name}: {stage_passed} passed, {stage_failed} failed", flush=True)
    print(f"\nAll of it took {time.monotonic() - started:.0f} s.\n{passed} passed, {failed} failed", flush=True)
    return int(failed > 0)


def run(recipe: list) -> tuple:
    """Run one stage, show what it says, and count. A stage without tests of its own is one check."""
    process = subprocess.Popen(
        ["just", *recipe], cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", env={**os.environ, "CARGO_TERM_COLOR": "never", "CARGO_TERM_PROGRESS_WHEN": "never"},
    )
    passed = failed = 0
    for line in process.stdout:
        sys.stdout.write(line)
        sys.stdout.flush()
        plain = COLOUR.sub("", line.rstrip())
        if SUMMARY.match(plain):
            passed += sum(map(int, PASSED.findall(plain)))
            failed += sum(map(int, NOT_PASSED.findall(plain)))
    succeeded = process.wait() == 0
    if not succeeded:
        return passed, max(failed, 1)
    return (passed, failed) if passed + failed else (1, 0)


if __name__ == "__main__":
    sys.exit(main())
