#!/usr/bin/python3
"""Load: many clients that ask again and again, and a tally of the answers. One request that is not answered with 200 is a failure.

Half of the clients go through nginx over TLS on connections that they keep; the others to port 8080, each time on a new one.
As a program it runs in the machine's network: hammer.py ORDERS (JSON), until its standard input ends.
"""

import collections
import http.client
import itertools
import json
import ssl
import subprocess
import sys
import threading
import time


class Hammer:
    """Load on a machine for as long as the block lasts; then `failures()`, `requests` and `told` tell.

    `per_second` is shared by all clients; without it each asks as fast as it is answered. `paths` are asked in turn, with
    the session of `token` if there is one.
    """

    def __init__(self, machine, clients: int, paths: tuple = ("/live",), token: str | None = None, per_second: float | None = None):
        orders = {"address": machine.address, "clients": clients, "paths": paths, "token": token, "per_second": per_second}
        self._argv = machine.in_network(sys.executable, __file__, json.dumps(orders))
        self.tally: dict = {}

    def __enter__(self) -> "Hammer":
        self._process = subprocess.Popen(self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._process.stdout.readline()
        self._started_at = time.monotonic()
        return self

    def __exit__(self, *_) -> None:
        self.seconds = time.monotonic() - self._started_at
        said, _ = self._process.communicate("", timeout=60)
        self.tally = json.loads(said)

    @property
    def requests(self) -> int:
        return sum(self.tally["answers"].values())

    @property
    def told(self) -> str:
        """The figures, as a sentence."""
        failed = sum(self.failures().values())
        return f"{self.requests} requests in {self.seconds:.0f} s ({self.requests / self.seconds:.0f}/s), {failed} failed, slowest {self.tally['slowest_ms']} ms"

    def failures(self) -> dict:
        """Every answer but 200, counted."""
        assert self.requests > 100, f"hardly any load: {self.tally}"
        return {answer: count for answer, count in self.tally["answers"].items() if not answer.endswith(" 200")}


class Client(threading.Thread):
    def __init__(self, number: int, orders: dict, over: threading.Event):
        super().__init__()
        self.through_nginx = number % 2 == 0
        self.address, self.over = orders["address"], over
        self.paths = itertools.islice(itertools.cycle(orders["paths"]), number, None)
        self.headers = {"Authorization": f"Bearer {orders['token']}"} if orders["token"] else {}
        self.pause = orders["clients"] / orders["per_second"] if orders["per_second"] else 0
        self.first_at = time.monotonic() + self.pause * number / orders["clients"]
        self.answers: collections.Counter = collections.Counter()
        self.slowest = 0.0
        self.kept = None

    def run(self) -> None:
        due_at = self.first_at
        while not self.over.wait(max(0, due_at - time.monotonic()) if self.pause else 0):
            due_at += self.pause
            asked_at = time.monotonic()
            try:
                answer = self.ask(next(self.paths))
            except (OSError, http.client.HTTPException) as failure:
                answer, self.kept = type(failure).__name__, None
            self.slowest = max(self.slowest, time.monotonic() - asked_at)
            self.answers[f"{'nginx' if self.through_nginx else '8080'} {answer}"] += 1

    def ask(self, path: str) -> str:
        if not self.through_nginx:
            return self.ask_on(http.client.HTTPConnection("localhost", 8080, timeout=30), path)
        if self.kept is not None:
            try:
                return self.ask_on(self.kept, path)
            except (ConnectionError, http.client.RemoteDisconnected):
                # nginx may end a kept connection at any time (its reload does); every browser then asks on a new one.
                pass
        self.kept = over_tls(self.address)
        return self.ask_on(self.kept, path)

    def ask_on(self, connection, path: str) -> str:
        connection.request("GET", path, headers=self.headers)
        response = connection.getresponse()
        body = response.read()
        if response.will_close or not self.through_nginx:
            connection.close()
        return str(response.status) if response.status == 200 else f"{response.status} {body[:200].decode(errors='replace')}"


def over_tls(address: str) -> http.client.HTTPSConnection:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(address, timeout=30, context=context)


def main(orders: dict) -> None:
    over = threading.Event()
    clients = [Client(number, orders, over) for number in range(orders["clients"])]
    for client in clients:
        client.start()
    print("going", flush=True)
    sys.stdin.read()
    over.set()
    for client in clients:
        client.join()
    answers = sum((client.answers for client in clients), collections.Counter())
    print(json.dumps({"answers": answers, "slowest_ms": round(1000 * max(client.slowest for client in clients))}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
