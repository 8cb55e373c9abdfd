#!/usr/bin/python3
"""Load: many clients that ask again and again, and a tally of the answers. One request that is not answered with 200 is a failure.

Half of the clients go through nginx over TLS on connections that they keep; the others to port 8080, each time on a new one. As a program it runs in the machine's network: hammer.py ADDRESS CLIENTS PATH, until its standard input ends.
"""

import collections
import http.client
import json
import ssl
import subprocess
import sys
import threading


class Hammer:
    """Load on a machine for as long as the block lasts; then `failures()` and `requests` tell."""

    def __init__(self, machine, clients: int, path: str = "/live"):
        self._argv = machine.in_network(sys.executable, __file__, machine.address, clients, path)
        self.tally: dict = {}

    def __enter__(self) -> "Hammer":
        self._process = subprocess.Popen(self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._process.stdout.readline()
        return self

    def __exit__(self, *_) -> None:
        said, _ = self._process.communicate("", timeout=60)
        self.tally = json.loads(said)

    @property
    def requests(self) -> int:
        return sum(self.tally.values())

    def failures(self) -> dict:
        """Every answer but 200, counted."""
        assert self.requests > 100, f"hardly any load: {self.tally}"
        return {answer: count for answer, count in self.tally.items() if not answer.endswith(" 200")}


def ask(connection, path: str) -> str:
    connection.request("GET", path)
    response = connection.getresponse()
    response.read()
    if response.will_close:
        connection.close()
    return str(response.status)


def client(number: int, address: str, path: str, over: threading.Event, tally: collections.Counter) -> None:
    through_nginx = number % 2 == 0
    kept = None
    while not over.is_set():
        try:
            if not through_nginx:
                answer = ask(http.client.HTTPConnection("localhost", 8080, timeout=30), path)
            elif kept is None:
                kept = over_tls(address)
                answer = ask(kept, path)
            else:
                try:
                    answer = ask(kept, path)
                except (ConnectionError, http.client.RemoteDisconnected):
                    # nginx may end a kept connection at any time (its reload does); every browser then asks on a new one.
                    kept = over_tls(address)
                    answer = ask(kept, path)
        except (OSError, http.client.HTTPException) as failure:
            answer, kept = type(failure).__name__, None
        tally[f"{'nginx' if through_nginx else '8080'} {answer}"] += 1


def over_tls(address: str) -> http.client.HTTPSConnection:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(address, timeout=30, context=context)


def main(address: str, clients: int, path: str) -> None:
    over = threading.Event()
    tallies = [collections.Counter() for _ in range(clients)]
    threads = [threading.Thread(target=client, args=(number, address, path, over, tally)) for number, tally in enumerate(tallies)]
    for thread in threads:
        thread.start()
    print("going", flush=True)
    sys.stdin.read()
    over.set()
    for thread in threads:
        thread.join()
    print(json.dumps(sum(tallies, collections.Counter())))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
