"""Someone who listens to live events as a browser does: comes back when the connection ends, and says from where to go on."""

import base64
import json
import os
import socket
import ssl
import struct
import threading
import time

# RFC 6455, section 5.2.
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class Listener(threading.Thread):
    """Listens through nginx for as long as the block lasts. `heard` has the number of each event in the order in which it came."""

    def __init__(self, address: str, token: str):
        super().__init__(daemon=True)
        self.address, self.token = address, token
        self.heard: list = []
        self.resyncs = 0
        self.refused: list = []
        self.connections = 0
        self.first_seq = None
        self._listening = threading.Event()
        self._over = threading.Event()

    def __enter__(self) -> "Listener":
        self.start()
        assert self._listening.wait(30), f"no live events: {self.refused}"
        return self

    def __exit__(self, *_) -> None:
        self._over.set()
        self.join(30)

    def run(self) -> None:
        while not self._over.is_set():
            try:
                self._listen()
            except (OSError, EOFError):
                time.sleep(0.05)

    def _listen(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with socket.create_connection((self.address, 443), timeout=30) as plain, context.wrap_socket(plain) as connection:
            seq = self.heard[-1] if self.heard else self.first_seq
            self._open(connection, "" if seq is None else f"?after={seq}")
            self.connections += 1
            # So that the end of the block is seen.
            connection.settimeout(0.5)
            self._buffer = b""
            while not self._over.is_set():
                opcode, payload = self._frame(connection)
                if opcode == CLOSE:
                    return
                if opcode == PING:
                    _send(connection, PONG, payload)
                if opcode == TEXT:
                    self._note(json.loads(payload))

    def _open(self, connection, query: str) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET /ws{query} HTTP/1.1", f"Host: {self.address}", "Upgrade: websocket", "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", f"Authorization: Bearer {self.token}", "", "",
        ]
        connection.sendall("\r\n".join(lines).encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = connection.recv(1)
            if not byte:
                raise EOFError
            head += byte
        status = head.split(None, 2)[1].decode()
        if status != "101":
            self.refused.append(status)
            raise EOFError

    def _frame(self, connection) -> tuple:
        first, second = self._read(connection, 2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack(">H", self._read(connection, 2))
        elif length == 127:
            (length,) = struct.unpack(">Q", self._read(connection, 8))
        return first & 0x0F, self._read(connection, length)

    def _read(self, connection, count: int) -> bytes:
        while len(self._buffer) < count:
            try:
                more = connection.recv(65536)
            except TimeoutError:
                if self._over.is_set():
                    raise EOFError from None
                continue
            if not more:
                raise EOFError
            self._buffer += more
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def _note(self, said: dict) -> None:
        if said["type"] == "connected":
            self.first_seq = said["seq"] if self.first_seq is None else self.first_seq
            self._listening.set()
        elif said["type"] == "resync":
            self.resyncs += 1
        elif said["type"] != "resumed" and "seq" in said:
            self.heard.append(said["seq"])


def _send(connection, opcode: int, payload: bytes) -> None:
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    connection.sendall(struct.pack(">BB", 0x80 | opcode, 0x80 | len(payload)) + mask + masked)
