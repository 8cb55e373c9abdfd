"""The site's certificate: the admin's own, one that Debian's certbot gets and renews from an ACME server, and what nginx does not take.

The ACME server is pebble, which the makers of Let's Encrypt test clients with; it looks at port 80 as theirs does.
"""

import json

import pytest

SNIPPET = "/etc/nginx/snippets/barbossa-tls.conf"


def make(machine, folder: str, days: int) -> None:
    machine.sh(
        f"mkdir -p {folder} && openssl req -x509 -newkey ed25519 -nodes -subj /CN=music.example.org -days {days} "
        f"-keyout {folder}/privkey.pem -out {folder}/fullchain.pem 2>/dev/null"
    )


def seen(machine) -> str:
    """The fingerprint of the certificate that browsers get."""
    return machine.sh("openssl s_client -connect 127.0.0.1:443 </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256").strip()


def of(machine, folder: str) -> str:
    return machine.sh(f"openssl x509 -noout -fingerprint -sha256 -in {folder}/fullchain.pem").strip()


def test_ones_own_certificate_is_served_at_once_and_its_end_is_told(machine):
    make(machine, "/srv/mine", 10)
    machine.run("barbossa", "setup", "tls", "/srv/mine/fullchain.pem", "/srv/mine/privkey.pem")
    machine.wait_until("nginx serves with it", lambda: seen(machine) == of(machine, "/srv/mine"))
    said = machine.run("barbossa", "status", check=False).stdout
    assert "/srv/mine/fullchain.pem expires in" in said, said
    machine.run("barbossa", "check-config")


def test_a_renewed_certificate_is_read_through_certbots_hook(machine):
    live = "/etc/letsencrypt/live/music.example.org"
    make(machine, live, 90)
    hook = ["env", f"RENEWED_LINEAGE={live}", "/usr/libexec/barbossa/certbot-deploy"]
    machine.run(*hook)
    machine.wait_until("nginx serves with it", lambda: seen(machine) == of(machine, live))
    first = seen(machine)
    make(machine, live, 90)
    machine.run(*hook)
    machine.wait_until("nginx serves with the renewed one", lambda: seen(machine) == of(machine, live) != first)
    machine.sh("mkdir -p /var/lib/barbossa/acme/.well-known/acme-challenge && echo proof > /var/lib/barbossa/acme/.well-known/acme-challenge/token")
    assert machine.sh("curl -s -H 'Host: barbossa' http://127.0.0.1/.well-known/acme-challenge/token") == "proof\n"


NAME = "house.example.org"
ACME = "https://localhost:14000/dir"


@pytest.fixture(scope="module")
def authority(machine):
    """A certificate authority that this machine trusts, to which NAME is this machine."""
    machine.apt("install", "certbot", "pebble")
    folder = "/srv/pebble"
    machine.sh(
        f"mkdir -p {folder} && openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -addext subjectAltName=DNS:localhost -days 2 "
        f"-keyout {folder}/key.pem -out {folder}/cert.pem 2>/dev/null && echo '127.0.0.1 {NAME}' >>/etc/hosts"
    )
    settings = {
        "listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000", "certificate": f"{folder}/cert.pem",
        "privateKey": f"{folder}/key.pem", "httpPort": 80, "tlsPort": 443, "ocspResponderURL": "",
    }
    machine.put_text(f"{folder}/pebble.json", json.dumps({"pebble": settings}))
    machine.sh(f"systemd-run --quiet --unit=pebble --setenv=PEBBLE_VA_NOSLEEP=1 --setenv=PEBBLE_WFE_NONCEREJECT=0 pebble -config {folder}/pebble.json")
    machine.wait_until("the authority answers", lambda: machine.run("curl", "--silent", "--cacert", f"{folder}/cert.pem", ACME, check=False).returncode == 0)
    yield ["env", f"REQUESTS_CA_BUNDLE={folder}/cert.pem", "certbot", "--non-interactive"]
    machine.run("systemctl", "stop", "pebble.service")


def test_certbot_gets_a_certificate_and_renews_it_as_the_readme_says(machine, authority):
    live = f"/etc/letsencrypt/live/{NAME}"
    machine.sh(f"sed -i 's/server_name barbossa /server_name {NAME} barbossa /' /etc/nginx/sites-available/barbossa && systemctl reload nginx")
    machine.run(
        *authority, "certonly", "--server", ACME, "--agree-tos", "--register-unsafely-without-email", "--webroot",
        "--webroot-path", "/var/lib/barbossa/acme", "-d", NAME, "--deploy-hook", "/usr/libexec/barbossa/certbot-deploy",
    )
    machine.wait_until("nginx serves with it", lambda: seen(machine) == of(machine, live))
    first = seen(machine)
    # As certbot.timer does it, but for the date: it is not due yet.
    machine.run(*authority, "renew", "--force-renewal", "--no-random-sleep-on-renew")
    machine.wait_until("nginx serves with the renewed one", lambda: seen(machine) == of(machine, live) != first)
    # Only root may look into these folders, as certbot makes them where they are not there yet.
    machine.sh("chmod 700 /etc/letsencrypt/live /etc/letsencrypt/archive")
    told = json.loads(machine.run("barbossa", "status", "--json", check=False).stdout)["certificate"]
    assert told and told["path"] == f"{live}/fullchain.pem", told
    assert f"{live}/fullchain.pem, for another" in machine.run("barbossa", "doctor", check=False).stdout


def test_what_does_not_belong_together_changes_nothing(machine):
    before, served = machine.sh(f"cat {SNIPPET}"), seen(machine)
    refused = machine.run("barbossa", "setup", "tls", "/srv/mine/fullchain.pem", "/etc/ssl/private/ssl-cert-snakeoil.key", check=False)
    assert refused.returncode == 2 and "is not the key of" in refused.stderr, refused
    # nginx itself refuses: some other site is broken just now.
    machine.path("/etc/nginx/conf.d/broken.conf").write_text("nonsense;\n")
    refused = machine.run("barbossa", "setup", "tls", "/srv/mine/fullchain.pem", "/srv/mine/privkey.pem", check=False)
    assert refused.returncode == 1 and "nginx does not take it" in refused.stderr, refused
    assert (machine.sh(f"cat {SNIPPET}"), seen(machine)) == (before, served)
    machine.sh("rm /etc/nginx/conf.d/broken.conf")
    machine.run("barbossa", "setup", "tls", "--self-signed")
    machine.run("systemctl", "is-active", "--quiet", "nginx")
