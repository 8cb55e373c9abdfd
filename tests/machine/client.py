"""A small HTTP client for the tests: one address, maybe a session, answers with status, headers and body."""

import http.client
import json
import socket
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote


@dataclass
class Answer:
    """What the server said."""

    status: int
    headers: dict
    body: bytes

    def json(self):
        return json.loads(self.body)

    def expect(self, status: int) -> "Answer":
        """Itself, if the status is this one; else the test ends with what the server said instead."""
        assert self.status == status, f"expected {status}, got {self.status}: {self.body[:500]!r}"
        return self


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Client:
    """Talks to nginx at `address` over TLS, or, given a `socket_path`, to the program's own socket."""

    def __init__(self, address: str | None = None, socket_path: Path | None = None, token: str | None = None):
        self.address = address
        self.socket_path = socket_path
        self.token = token

    def request(self, method: str, path: str, body=None, headers: dict | None = None, timeout_seconds: float = 30) -> Answer:
        headers = dict(headers or {})
        if self.token is not None:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        connection = self._connection(timeout_seconds)
        try:
            connection.request(method, quote(path, safe="/?&=%:,"), body=body, headers=headers)
            response = connection.getresponse()
            return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
        finally:
            connection.close()

    def get(self, path: str, **options) -> Answer:
        return self.request("GET", path, **options)

    def post(self, path: str, body=None, **options) -> Answer:
        return self.request("POST", path, body, **options)

    def delete(self, path: str, **options) -> Answer:
        return self.request("DELETE", path, **options)

    def log_in(self, username: str, password: str) -> "Client":
        """The same place, with a session."""
        token = self.post("/api/auth/login", {"username": username, "password": password}).expect(200).json()["token"]
        return Client(self.address, self.socket_path, token)

    def albums(self) -> list:
        """Every album, page by page."""
        found, page = [], 1
        while True:
            answer = self.get(f"/api/albums?limit=100&page={page}").expect(200).json()
            found += answer["items"]
            if not answer["items"] or len(found) >= answer["total"]:
                return found
            page += 1

    def wait_for_album(self, title: str, timeout_seconds: float) -> dict:
        """The album of this title, as soon as the list shows it with all its tracks."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            for album in self.albums():
                if album["title"] == title:
                    return album
            assert time.monotonic() < deadline, f"no album {title!r} within {timeout_seconds:g} s"
            time.sleep(0.1)

    def _connection(self, timeout_seconds: float) -> http.client.HTTPConnection:
        if self.socket_path is not None:
            return _UnixConnection(self.socket_path, timeout_seconds)
        # The certificate of a fresh install is the machine's own, signed by nobody.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return http.client.HTTPSConnection(self.address, timeout=timeout_seconds, context=context)
