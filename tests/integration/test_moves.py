"""Folders that go to another disk while others store files in them."""

import os
import threading

from tests.integration.daemon import PATIENCE
from tests.integration.mounts import mount
from tests.integration.server import Server, ServerCase
from tests.integration.wire import Api

FILES = 200
SIZE = 1_000_000


class CarriedTests(ServerCase):
    """A folder of many files, another file system to move it to, and clients who don't know of that."""

    def prepared(self) -> Server:
        server = self.serve("--anonymous", "full", "--no-fsync", start=False)
        os.makedirs(f"{server.storage}/photos/below")
        os.mkdir(f"{server.storage}/usb")
        mount(self, "-t", "tmpfs", "-o", "size=600m", "peerstor-test", f"{server.storage}/usb")
        for number in range(FILES):
            with open(f"{server.storage}/photos/p{number:03}", "wb") as file:
                file.write(os.urandom(1000) * (SIZE // 1000))
        server.start()
        return server

    def test_uploads_meanwhile(self) -> None:
        """What was acknowledged is found, whole and newest, where the folder is; else it was refused."""
        server = self.prepared()
        acknowledged: dict[str, bytes] = {}
        refused: list[int] = []
        begun, over = threading.Event(), threading.Event()

        def store() -> None:
            api = Api(server.port)
            for number in range(100_000):
                if over.is_set():
                    return
                name = ("p001", f"new-{number}", f"below/new-{number}")[number % 3]
                content = b"%d" % number
                status = api.call("PUT", f"/photos/{name}", content).status
                if status in (201, 204):
                    acknowledged[name] = content
                else:
                    refused.append(status)
                begun.set()

        writer = threading.Thread(target=store)
        writer.start()
        try:
            self.assertTrue(begun.wait(PATIENCE))
            mover = Api(server.port)
            statuses = [mover.call("POST", "/api/move?from=/photos&to=/usb/photos").status for _ in range(2)]
        finally:
            over.set()
            writer.join(2 * PATIENCE)
        self.assertFalse(writer.is_alive())
        self.assertEqual(set(refused) - {409}, set())
        self.assertEqual(set(statuses) - {200, 412, 404}, set())
        (place,) = [name for name in ("photos", "usb/photos") if os.path.isdir(f"{server.storage}/{name}")]
        for name, content in acknowledged.items():
            with open(f"{server.storage}/{place}/{name}", "rb") as file:
                self.assertEqual(file.read(), content, name)
        self.assertEqual(len([name for name in os.listdir(f"{server.storage}/{place}") if name[0] == "p"]), FILES)
        last = mover.call("POST", "/api/move?from=/photos&to=/usb/photos").status
        self.assertEqual(last, 200 if place == "photos" else 404)
        self.assertEqual(os.listdir(f"{server.storage}/.peerstor/parts"), [])
