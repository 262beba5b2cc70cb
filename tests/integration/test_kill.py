"""Rules of what a crash may leave, tried with `kill -9` at random moments under load."""

import hashlib
import http.client
import os
import random
import threading
import time
from typing import Any

import pytest

from tests.integration.server import Server, ServerCase
from tests.integration.wire import Answer, Api

ROUNDS = 100

LOST = (OSError, http.client.HTTPException)


class Client:
    """Works on a server until the server is gone; after its restart tells what must hold.

    :ivar busy: whether a request was sent whose answer never came.
    """

    def __init__(self, server: Server, seed: int) -> None:
        self.random = random.Random(seed)
        self.api = Api(server.port)
        self.visible: dict[str, tuple[bytes, ...]] = {}
        """For each name that may be seen: the contents that it may have (b"" among them: it may be absent)."""
        self.failure: BaseException | None = None
        self.requests = 0

    def work(self) -> None:
        """Make requests until the connection is lost."""
        try:
            while True:
                self.step()
                self.requests += 1
        except LOST:
            self.api.close()
        except BaseException as error:
            self.failure = error

    def step(self) -> None:
        """Make one request."""
        raise NotImplementedError

    def settle(self) -> None:
        """Find out after a restart what became of the last request, and check that it may be so."""
        raise NotImplementedError

    def content(self) -> bytes:
        """Make content that is like no other."""
        return self.random.randbytes(self.random.choice((0, 1, 4000, 70_000, 300_000, 2_000_000)))

    def seen(self, name: str) -> bytes | None:
        """Read a file; None when it is absent."""
        answer = self.api.get(f"/{name}")
        assert answer.status in (200, 404), answer
        return answer.body if answer.status == 200 else None


class Chunks(Client):
    """Uploads one file after the other in chunks of random sizes, each under a new name or all under one."""

    def __init__(self, server: Server, seed: int, *, stem: str, replace: bool) -> None:
        super().__init__(server, seed)
        self._stem, self._replace = stem, replace
        self._count = 0
        self._old: bytes | None = None
        self.finished = 0
        self._next()

    def _next(self) -> None:
        self._count += 1
        self.name = self._stem if self._replace else f"{self._stem}-{self._count}"
        self._content = self.content()
        self._acknowledged = self._sent = 0
        self._completing = False

    @property
    def parameters(self) -> dict[str, Any]:
        size = len(self._content)
        return {"size": size, "fingerprint": f"{size}-{hashlib.sha256(self._content[:65536]).hexdigest()}"}

    def step(self) -> None:
        if self._acknowledged == len(self._content):
            self._complete()
        else:
            self._chunk()

    def _chunk(self) -> None:
        length = self.random.choice((1, 5000, 100_000, 700_000))
        body = self._content[self._acknowledged : self._acknowledged + length]
        self._sent = self._acknowledged + len(body)
        answer = self.api.chunk(self.name, self._acknowledged, body, **self.parameters)
        assert answer.status == 200, answer
        assert answer.json == {"nextOffset": self._sent}, answer
        self._acknowledged = self._sent

    def _complete(self) -> None:
        self._completing = True
        parameters = {**self.parameters, "conflict": "replace" if self._replace else "refuse"}
        answer = self.api.complete(self.name, **parameters)
        self._completed(answer)

    def _completed(self, answer: Answer) -> None:
        assert answer.status == 200, answer
        assert answer.json["path"] == f"/{self.name}", answer
        assert self.seen(self.name) == self._content, f"{self.name} was published wrongly"
        self.finished += 1
        self._old = self._content
        self.visible[self.name] = (self._content,)
        self._next()

    def settle(self) -> None:
        if self._completing:
            before = (self._old if self._replace else None, self._content)
            assert self.seen(self.name) in before, f"{self.name} is neither old nor new"
            self._complete()  # again gives the same answer, or goes on where it was cut
            return
        if self._replace or self._count > 1:
            assert self._old is None or not self._replace or self.seen(self.name) == self._old
        offset = self.api.offset(self.name, **self.parameters)
        assert self._acknowledged <= offset <= self._sent, (self._acknowledged, offset, self._sent)
        self._acknowledged = self._sent = offset


class Puts(Client):
    """Puts files at once: each third under a new name, the others over the one before."""

    def __init__(self, server: Server, seed: int) -> None:
        super().__init__(server, seed)
        self._count = 0
        self._under_way: tuple[str, bytes | None, bytes] | None = None

    def step(self) -> None:
        self._count += 1
        name = f"put-{self._count // 3}"
        content, old = self.content(), self.visible.get(name, (None,))[0]
        self._under_way = (name, old, content)
        answer = self.api.put(f"/{name}", content)
        assert answer.status in (201, 204), answer
        self._under_way = None
        self.visible[name] = (content,)

    def settle(self) -> None:
        if self._under_way is None:
            return
        (name, old, new), self._under_way = self._under_way, None
        found = self.seen(name)
        assert found in (old, new), f"{name} is a mix"
        if found is not None:
            self.visible[name] = (found,)


@pytest.mark.slow
@pytest.mark.timeout(1800)
class KillTests(ServerCase):
    def test_rounds(self) -> None:
        """Killed at any moment of chunks, completes and puts, nothing acknowledged is lost and nothing is torn.

        After each restart: every offset is at least the last acknowledged one; a published file stays as it was
        published, byte by byte; a replaced one is the old or the new one; no listing shows anything partial.
        """
        seed = int(os.environ.get("PEERSTOR_KILL_SEED", random.SystemRandom().randrange(2**32)))
        self.measured(f"seed {seed} (PEERSTOR_KILL_SEED repeats it)")
        chance = random.Random(seed)
        server = self.serve("--anonymous", "full")
        new = Chunks(server, chance.getrandbits(32), stem="new", replace=False)
        again = Chunks(server, chance.getrandbits(32), stem="target", replace=True)
        puts = Puts(server, chance.getrandbits(32))
        clients: list[Client] = [new, again, puts]
        for client in clients:
            self.addCleanup(client.api.close)
        server.warm()
        began, slowest = time.monotonic(), 0.0
        for _ in range(ROUNDS):
            self.work_until_killed(server, clients, chance.uniform(0.0, 0.3))
            if chance.random() < 0.1:  # a crash of the start, too
                server.release()
                time.sleep(chance.uniform(0.0, 0.15))
                server.kill()
            restarting = time.monotonic()
            server.start()
            slowest = max(slowest, time.monotonic() - restarting)
            server.warm()  # the next start then needn't wait for Python
            for client in clients:
                client.settle()
            self.check_tree(server, clients, chance)
        self.measured(
            f"{ROUNDS} kills in {time.monotonic() - began:.0f} s; {sum(c.requests for c in clients)} requests, "
            f"{new.finished + again.finished} uploads and {len(puts.visible)} names put; slowest restart {slowest:.1f} s"
        )
        self.assertGreater(new.finished + again.finished, ROUNDS / 4)

    def work_until_killed(self, server: Server, clients: list[Client], seconds: float) -> None:
        workers = [threading.Thread(target=client.work, daemon=True) for client in clients]
        for worker in workers:
            worker.start()
        time.sleep(seconds)  # the moment of the crash, not a wait
        server.kill()
        for worker in workers:
            worker.join(60)
            self.assertFalse(worker.is_alive(), "a client hangs on a dead server")
        for client in clients:
            if client.failure is not None:
                raise client.failure

    def check_tree(self, server: Server, clients: list[Client], chance: random.Random) -> None:
        expected = {name: contents for client in clients for name, contents in client.visible.items()}
        names = os.listdir(server.storage)
        self.assertEqual(set(names) - {".peerstor"}, set(expected))
        self.assertEqual(clients[0].api.listing(), set(expected))
        for name in chance.sample(sorted(expected), min(8, len(expected))):
            with open(f"{server.storage}/{name}", "rb") as file:
                self.assertIn(file.read(), expected[name], f"{name} has changed")
