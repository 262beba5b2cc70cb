"""A server that is killed in the middle of moves, copies, deletions and restores loses and tears nothing."""

import http.client
import os
import random
import threading
import time

import pytest

from tests.integration.daemon import until
from tests.integration.mounts import mount
from tests.integration.server import Server, ServerCase
from tests.integration.wire import Answer, Api

ROUNDS = int(os.environ.get("PEERSTOR_KILL_ROUNDS", "25"))
FILES = 40
FOLDERS = ("one", "two", "disk")
"""The last is another file system."""


class Shuffler:
    """Has one folder of files moved about, deleted and put back, as one client would."""

    def __init__(self, server: Server, name: str, seed: int) -> None:
        self._random = random.Random(seed)
        self._server = server
        self._name = name
        self.api = Api(server.port)
        self.done = 0
        self.failure: BaseException | None = None
        self.content = {f"{number}": self._random.randbytes(20_000) for number in range(FILES)}
        place = f"{server.storage}/one/{name}"
        os.makedirs(f"{place}/deep")
        for file, content in self.content.items():
            with open(f"{place}/deep/{file}", "wb") as target:
                target.write(content)

    def work(self) -> None:
        """Do one thing after the other until the server dies."""
        try:
            while True:
                self._step()
                self.done += 1
        except (OSError, http.client.HTTPException):
            pass
        except BaseException as error:
            self.failure = error

    def places(self) -> list[str]:
        """Where the folder is found, by the names that clients see."""
        return [folder for folder in FOLDERS if os.path.isdir(f"{self._server.storage}/{folder}/{self._name}")]

    def settle(self) -> None:
        """After a restart: it is in one place, or in the trash; or a carry had it in two."""
        found = self.places()
        kept = self._kept()
        assert found or kept, f"{self._name} is lost; there is {self._everything()}"
        for folder in found:
            self._check(f"{self._server.storage}/{folder}/{self._name}")
        if not found:
            answer = self._post(f"trash/restore?id={kept[0]}")
            assert answer.status == 200, answer
            (place,) = self.places()
            self._check(f"{self._server.storage}/{place}/{self._name}")
        for folder in found[1:]:  # a carry that was cut between its two ends
            assert "disk" in found, found
            assert self._post(f"delete?path=/{folder}/{self._name}").status == 200
        for id_ in self._kept():
            assert self._post(f"trash/purge?id={id_}").status == 200
        for folder in FOLDERS:
            copy = f"{self._server.storage}/{folder}/{self._name}-copy"
            if os.path.isdir(copy):
                self._check(copy)
                assert self._post(f"delete?path=/{folder}/{self._name}-copy").status == 200

    def _step(self) -> None:
        place = self.places()[0]
        other = self._random.choice([folder for folder in FOLDERS if folder != place])
        act = self._random.choice(("move", "move", "copy", "delete"))
        if act == "move":
            answer = self._post(f"move?from=/{place}/{self._name}&to=/{other}/{self._name}")
            assert answer.status == 200, answer
        elif act == "copy":
            answer = self._post(f"copy?from=/{place}/{self._name}&to=/{other}/{self._name}-copy&conflict=refuse")
            assert answer.status in (201, 409), answer
        else:
            answer = self._post(f"delete?path=/{place}/{self._name}")
            assert answer.status == 200, answer
            answer = self._post(f"trash/restore?id={answer.json['trash']}")
            assert answer.status == 200, answer

    def _everything(self) -> list[str]:
        """What lies in the storage, as far as it has to do with this."""
        storage = self._server.storage
        paths = [os.path.join(place, name) for place, names, _ in os.walk(storage) for name in names]
        return sorted(path.removeprefix(storage) for path in paths if not path.endswith("deep"))

    def _check(self, place: str) -> None:
        assert os.listdir(place) == ["deep"], place
        found = {}
        for name in os.listdir(f"{place}/deep"):
            with open(f"{place}/deep/{name}", "rb") as file:
                found[name] = file.read()
        assert found == self.content, f"{place} is torn"

    def _kept(self) -> list[str]:
        answer = self.api.get("/api/trash?limit=10000")
        assert answer.status == 200, answer
        return [entry["id"] for entry in answer.json["entries"] if entry["name"] == self._name]

    def _post(self, target: str) -> Answer:
        return self.api.call("POST", f"/api/{target}")


@pytest.mark.slow
class KillActsTests(ServerCase):
    def prepared(self) -> Server:
        """A server with its folders, one of them another file system."""
        server = self.serve("--anonymous", "full", start=False)
        for folder in FOLDERS:
            os.makedirs(f"{server.storage}/{folder}")
        mount(self, "-t", "tmpfs", "none", f"{server.storage}/disk")
        return server

    def test_rounds(self) -> None:
        """After each restart every folder is whole in its old place or its new one, or can be put back.

        A move between file systems may have left it in both, whole in each. Nothing half-made is left beside.
        """
        seed = int(os.environ.get("PEERSTOR_KILL_SEED", random.SystemRandom().randrange(2**32)))
        self.measured(f"seed {seed} (PEERSTOR_KILL_SEED repeats it)")
        chance = random.Random(seed)
        server = self.prepared()
        server.start()
        clients = [Shuffler(server, f"folder-{number}", chance.getrandbits(32)) for number in range(3)]
        for client in clients:
            self.addCleanup(client.api.close)
        for _ in range(ROUNDS):
            workers = [threading.Thread(target=client.work, daemon=True) for client in clients]
            for worker in workers:
                worker.start()
            time.sleep(chance.uniform(0.0, 0.3))  # the moment of the crash, not a wait
            server.kill()
            for worker in workers:
                worker.join(60)
                self.assertFalse(worker.is_alive(), "a client hangs on a dead server")
            for client in clients:
                if client.failure is not None:
                    raise client.failure
            server.start()
            until(lambda: not self.half_made(server), "the start to sweep what was half made")
            for client in clients:
                client.settle()
        self.measured(f"{ROUNDS} kills, {sum(client.done for client in clients)} acts")
        self.assertGreater(sum(client.done for client in clients), ROUNDS)

    def half_made(self, server: Server) -> list[str]:
        """What is hidden beside the files, and noted, but for the trash."""
        found = [name for name in os.listdir(f"{server.storage}/.peerstor/parts") if name.startswith("copy-")]
        for folder in FOLDERS:
            found += [name for name in os.listdir(f"{server.storage}/{folder}") if name.endswith(".copy")]
        return found

    def test_client_that_leaves(self) -> None:
        """A copy whose client leaves ends, and nothing of it is left."""
        server = self.prepared()
        os.mkdir(f"{server.storage}/one/many")
        for number in range(3000):
            with open(f"{server.storage}/one/many/{number}", "wb") as file:
                file.write(b"x" * 1000)
        server.start()
        connection = self.connect(server)
        connection.send(
            b"POST /api/copy?from=/one/many&to=/two/many HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
        )
        until(lambda: self.half_made(server), "the copy to begin")
        connection.reset()
        until(lambda: not self.half_made(server), "the copy to be given up")
        self.assertEqual(os.listdir(f"{server.storage}/two"), [])
