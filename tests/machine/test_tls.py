"""The site's certificate: the admin's own, one that certbot renews, and what nginx does not take."""

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
