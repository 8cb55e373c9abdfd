"""What the machine tests share: the package, an installed machine per module, a session in it.

The package is installed on a bare machine once; that machine's disk then lies beneath every other machine of the run, so
each module has a fresh, installed, running Debian within two seconds.
"""

import contextlib
import os
import shutil
from pathlib import Path

import pytest

import package as packaging
import trees
from client import Client
from machine import Machine, MachineError, machines_dir

ADMIN = "captain"
PASSWORD = "correct horse battery staple"
MUSIC_DIR = "/var/lib/barbossa/music"
PENDING_DIR = f"{MUSIC_DIR}/import/pending"
ROLES = ("api", "worker", "fetch", "beat", "watcher")
# `./dev faults` and its like take their time: more kills, more jobs, longer loads. Without it the same, shorter.
IS_LONG = bool(os.environ.get("BARBOSSA_LONG"))
FIGURES = pytest.StashKey[list]()


@pytest.fixture(scope="session", autouse=True)
def leftovers():
    """A run that was killed outright leaves machines behind; their names begin with its process number."""
    trees.require_root_and_nspawn()
    for folder in machines_dir().glob("t*-*"):
        owner = folder.name.split("-")[0].removeprefix("t")
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            Machine(folder.name).destroy() if not folder.name.endswith("-layer") else shutil.rmtree(folder)


@pytest.fixture(scope="session")
def deb() -> Path:
    """The package of this checkout."""
    return packaging.deb()


def name_of_machine(what: str) -> str:
    return f"t{os.getpid()}-{what}"[:21].rstrip("-")


@pytest.fixture(scope="session")
def fresh_install(deb):
    """A bare Debian on which `apt install barbossa` was just run, once for the whole run; its disk is the layer of all others."""
    layer = machines_dir() / f"{name_of_machine('installed')}-layer"
    with Machine.fresh(name_of_machine("installed")) as machine:
        machine.publish(deb)
        said = machine.apt("install", "barbossa")
        machine.said_at_install = said.stdout + said.stderr
        wait_until_healthy(machine)
        machine.run("barbossa", "user", "add", ADMIN, "--admin", "--password-stdin", stdin=f"{PASSWORD}\n")
        machine.sh("useradd --create-home --groups barbossa mate")
        machine.put(Path(__file__).with_name("slow_copy.pl"), "/usr/local/bin/slow-copy")
        machine.facts = facts_of(machine)
        machine.freeze(layer)
        machine.layer = layer
        try:
            yield machine
        finally:
            shutil.rmtree(layer, ignore_errors=True)


@pytest.fixture(scope="module")
def machine(fresh_install, deb, request):
    """A running machine with Barbossa installed, the module's own; with a disk of its own where the module says HAS_DISK."""
    name = name_of_machine(request.module.__name__.removeprefix("test_").replace("_", "-"))
    with installed(name, fresh_install, deb, getattr(request.module, "HAS_DISK", False)) as machine:
        yield machine


@contextlib.contextmanager
def installed(name: str, fresh_install, deb: Path, has_disk: bool = False):
    """A running machine on top of the installed one."""
    with Machine.fresh(name, fresh_install.layer, has_disk=has_disk) as machine:
        packaging.repository([deb, *packaging.dependencies(deb).glob("*.deb")], machine.repository, "/srv/barbossa-repository")
        wait_until_healthy(machine)
        yield machine


@pytest.fixture(scope="module")
def client(machine) -> Client:
    """A session of the admin, through nginx; one per module, since logins are limited."""
    return Client(machine.address).log_in(ADMIN, PASSWORD)


def wait_until_healthy(machine: Machine, timeout_seconds: float = 30) -> None:
    """Until `/health` says so, which is after every role has given a sign of life."""
    client, said = Client(machine.address), [b"nothing"]

    def healthy() -> bool:
        try:
            answer = client.get("/health", timeout_seconds=5)
            said[0] = answer.body
            return answer.json()["status"] == "healthy"
        except (OSError, ValueError):
            return False

    try:
        machine.wait_until("/health says healthy", healthy, timeout_seconds)
    except MachineError as late:
        raise MachineError(f"{late}; it says {said[0].decode(errors='replace')}") from late


def facts_of(machine: Machine) -> dict:
    """What a fresh install is judged by, taken while it runs."""
    show = "systemctl show --property=ActiveState,SubState,StatusText,UnitFileState"
    return {
        "system": machine.run("systemctl", "is-system-running", check=False).stdout.strip(),
        "failed": machine.run("systemctl", "--failed", "--plain", "--no-legend").stdout,
        "errors": machine.journal("--priority=err", "--unit=barbossa*", "--unit=nginx", "--unit=postgresql*"),
        "units": {
            unit: dict(line.split("=", 1) for line in machine.sh(f"{show} {unit}").splitlines())
            for unit in [f"barbossa-{role}.service" for role in ROLES]
            + ["barbossa-redis.service", "barbossa-api.socket", "barbossa.target", "barbossa-backup.timer"]
        },
    }


@pytest.fixture
def figure(request):
    """Keeps a measured figure, to be told at the end of the run."""
    return lambda text: request.config.stash.setdefault(FIGURES, []).append(f"{request.node.name}: {text}")


def pytest_terminal_summary(terminalreporter, config):
    figures = config.stash.get(FIGURES, [])
    if figures:
        terminalreporter.section("figures")
        for line in figures:
            terminalreporter.write_line(line)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what its machine's journal says."""
    outcome = yield
    report = outcome.get_result()
    machine = getattr(item, "funcargs", {}).get("machine")
    if report.failed and isinstance(machine, Machine) and machine.is_running():
        said = machine.run("journalctl", "--no-pager", "-o", "short-precise", "-n", "80", "-u", "barbossa*", check=False).stdout
        report.sections.append(("journal of the machine", said))
