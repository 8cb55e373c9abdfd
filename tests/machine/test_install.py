"""`apt install barbossa` on a bare Debian ends in a running system, with nothing edited by hand."""

import shlex

import pytest

from client import Client
from conftest import ADMIN, MUSIC_DIR, PASSWORD, ROLES


def test_the_system_is_running_and_no_unit_has_failed(fresh_install):
    assert fresh_install.facts["failed"] == ""
    assert fresh_install.facts["system"] == "running"


@pytest.mark.parametrize("unit", [f"barbossa-{role}.service" for role in (*ROLES, "redis")] + ["barbossa-api.socket", "barbossa.target", "barbossa-backup.timer"])
def test_the_unit_is_active(fresh_install, unit):
    assert fresh_install.facts["units"][unit]["ActiveState"] == "active"


@pytest.mark.parametrize("role", ROLES)
def test_the_role_has_a_status_line(fresh_install, role):
    assert fresh_install.facts["units"][f"barbossa-{role}.service"]["StatusText"] != ""


@pytest.mark.parametrize("path", ["/health", "/ready", "/live"])
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_the_state_is_told_on_port_8080(machine, host, path):
    machine.run("curl", "--silent", "--show-error", "--fail", f"http://{host}:8080{path}")


@pytest.mark.parametrize("path", ["/health", "/ready", "/live"])
def test_the_state_is_told_through_nginx_over_tls(machine, path):
    assert Client(machine.address).get(path).expect(200).json()


def test_health_names_each_part_and_the_roles(machine):
    health = Client(machine.address).get("/health").expect(200).json()
    assert health["status"] == "healthy"
    assert {name: health["checks"][name] for name in ("database", "redis", "music_path")} == {
        "database": "ok", "redis": "ok", "music_path": "ok",
    }
    said = str(health)
    assert [role for role in ("worker", "fetch", "beat", "watcher") if role not in said] == []


def test_nginx_speaks_http_2(machine):
    said = machine.run(*"curl --silent --insecure --http2 --output /dev/null --write-out %{http_version}".split(), f"https://{machine.address}/health")
    assert said.stdout == "2"


def test_the_database_is_reached_without_a_password(machine):
    machine.sh("runuser -u barbossa -- psql -h /run/postgresql -d barbossa -Atc 'select count(*) from app_user'")
    assert machine.sh("runuser -u postgres -- psql -Atc \"select rolpassword is null from pg_authid where rolname = 'barbossa'\"") == "t\n"


def test_secrets_are_made_and_readable_by_root_alone(machine):
    assert machine.sh("stat -c '%a %U' /etc/barbossa/credentials /etc/barbossa/credentials/jwt-secret") == "700 root\n600 root\n"
    assert int(machine.sh("stat -c %s /etc/barbossa/credentials/jwt-secret")) >= 32


def test_the_first_user_can_log_in(machine):
    user = Client(machine.address).post("/api/auth/login", {"username": ADMIN, "password": PASSWORD}).expect(200).json()["user"]
    assert (user["username"], user["is_admin"]) == (ADMIN, True)


def test_the_inbox_takes_folders_of_the_household(machine):
    machine.run("sh", "-euc", f"umask 002; mkdir {MUSIC_DIR}/import/pending/mine && rmdir {MUSIC_DIR}/import/pending/mine", user="mate")


def test_manual_page_and_completions_are_shipped(machine):
    machine.sh("test -s /usr/share/man/man1/barbossa.1.gz && test -s /usr/share/bash-completion/completions/barbossa")


@pytest.mark.parametrize("said", ["UNICODE LICENSE V3", "Boost Software License - Version 1.0", "Mozilla Public License", "Permission to use, copy, modify", "Neither the name of", "This software is provided 'as-is'", "in the pages: MIT"])
def test_the_licences_of_what_is_linked_are_shipped_in_full(machine, said):
    machine.sh(f"zcat /usr/share/doc/barbossa/third-party-notices.txt.gz | grep --quiet --ignore-case --fixed-strings {shlex.quote(said)}")


def test_check_config_is_content(machine):
    machine.run("barbossa", "check-config")


def test_the_socket_unit_serves_tcp_while_the_service_has_no_network(machine):
    pid = machine.show("barbossa-api.service", "MainPID")
    machine.sh(f"test \"$(readlink /proc/{pid}/ns/net)\" != \"$(readlink /proc/1/ns/net)\"")
    machine.run("curl", "--silent", "--fail", "http://127.0.0.1:8080/live")


def test_the_journal_holds_no_error_after_the_install(fresh_install):
    assert fresh_install.facts["errors"] == ""


def test_the_journal_holds_no_error_after_a_boot(machine):
    assert machine.journal("--priority=err", "--unit=barbossa*", "--unit=nginx", "--unit=postgresql*") == ""
