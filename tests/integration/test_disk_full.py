"""Rules of a disk that is full, on real file systems that are."""

import os
import random

from tests.integration.mounts import Ballast, small_disk
from tests.integration.server import Server, ServerCase
from tests.integration.wire import Answer, Connection, head, upload_target
from tests.scratch import scratch_folder

DISK = 24_000_000
CONTENT = random.Random(4).randbytes(6_000_000)


class FullCase(ServerCase):
    """A server whose storage is a small disk of its own."""

    def prepare(self, *options: str) -> Server:
        self.disk = small_disk(self, DISK)
        self.ballast = Ballast(self.disk)
        self.server = self.serve("--anonymous", "full", *options, storage=f"{self.disk}/data")
        return self.server

    def assert_no_space(self, answer: Answer, *, most: int | None = None) -> None:
        self.assertEqual((answer.status, answer.json["error"]), (507, "no_space"), answer)
        self.assertIsInstance(answer.json["free"], int)
        if most is not None:
            self.assertLessEqual(answer.json["free"], most)

    def assert_tree(self, *names: str) -> None:
        self.assertEqual(set(os.listdir(self.server.storage)), {".peerstor", *names})
        self.assertEqual(self.api(self.server).listing(), set(names))

    def assert_content(self, name: str, content: bytes = CONTENT) -> None:
        with open(f"{self.server.storage}/{name}", "rb") as file:
            self.assertTrue(file.read() == content, name)

    def send_unannounced(self, method: str, target: str, body: bytes, **headers: str) -> Answer:
        """Send a body whose length is not said beforehand, so that nobody can refuse it for its length.

        The answer may come, and the connection be closed, before all of it is sent.
        """
        connection = self.connect(self.server)
        connection.send(head(method, target, headers={"Transfer-Encoding": "chunked", **headers}))
        return self.send_pieces(connection, body)

    def send_pieces(self, connection: Connection, body: bytes) -> Answer:
        try:
            for begin in range(0, len(body), 100_000):
                piece = body[begin : begin + 100_000]
                connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            connection.send(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass
        return connection.answer()


class ChunkTests(FullCase):
    def resume_and_check(self, name: str) -> None:
        api = self.api(self.server)
        offset = api.offset(name)
        self.assertGreater(offset, 0)
        self.assertEqual(api.chunk(name, offset, CONTENT[offset:]).json, {"nextOffset": len(CONTENT)})
        self.assertEqual(api.complete(name, len(CONTENT)).status, 200)
        self.assert_content(name)

    def check_filling(self) -> None:
        """Fill the disk at several points of a chunk; what was written counts, and the rest goes there later."""
        api = self.api(self.server)
        for number, room in enumerate((3_000_000, 1_111_111, 70_000)):
            name = f"file-{number}"
            self.ballast.leave(room)
            target = upload_target("chunk", name, offset=0)
            self.assert_no_space(self.send_unannounced("POST", target, CONTENT), most=70_000)
            offset = api.offset(name)
            self.assertTrue(0 < offset <= room, offset)
            self.assertNotIn(name, api.listing())
            # The right bytes: of what a journal gave back meanwhile, some of them may be taken.
            self.assert_no_space(
                self.send_unannounced("POST", upload_target("chunk", name, offset=offset), CONTENT[offset:])
            )
            self.ballast.drop()
            self.resume_and_check(name)
            self.assertEqual(api.call("DELETE", f"/{name}").status, 204)
            self.empty_trash()

    def empty_trash(self) -> None:
        trash = f"{self.server.storage}/.peerstor/trash"
        for folder, _, names in os.walk(trash):
            for name in names:
                os.unlink(os.path.join(folder, name))

    def test_chunk(self) -> None:
        """A disk that is full in the middle of a chunk is 507 with what is free; the upload goes on when it isn't."""
        self.prepare()
        self.check_filling()

    def test_chunk_with_state_elsewhere(self) -> None:
        """The same with the records on another disk, which has room."""
        self.prepare("--state", scratch_folder(self))
        self.check_filling()

    def test_announced(self) -> None:
        """A body that can't fit is refused before it is sent, and nothing is left of it."""
        server = self.prepare()
        self.ballast.leave(1_000_000)
        for method, target in (("POST", upload_target("chunk", "file", offset=0)), ("PUT", "/file")):
            connection = self.connect(server)
            connection.send(
                head(
                    method,
                    target,
                    length=len(CONTENT),
                    headers={"Expect": "100-continue", "Accept": "application/json"},
                )
            )
            self.assert_no_space(connection.answer(), most=1_000_000)
        self.assertEqual(self.api(server).offset("file"), 0)
        os.unlink(f"{self.disk}/ballast")
        self.assert_tree()


class CompleteTests(FullCase):
    def check_complete(self, *options: str) -> None:
        """Complete on a disk without a byte left: it is told, or it is done; never is it half done."""
        server = self.prepare(*options)
        api = self.api(server)
        self.assertEqual(api.put("/old", b"old").status, 201)
        for name, conflict in (("new", "rename"), ("old", "replace")):
            with self.subTest(conflict=conflict):
                self.assertEqual(api.chunk(name, 0, CONTENT).status, 200)
                self.ballast.leave(0)
                answer = api.complete(name, len(CONTENT), conflict=conflict)
                if answer.status != 200:
                    self.assert_no_space(answer)
                    self.assertEqual(api.offset(name), len(CONTENT))
                    if conflict == "replace":
                        self.assert_content("old", b"old")
                self.assertEqual(api.get("/").status, 200)
                server.kill()
                server.start()
                api = self.api(server)
                self.ballast.drop()
                answer = api.complete(name, len(CONTENT), conflict=conflict)
                self.assertEqual((answer.status, answer.json.get("path")), (200, f"/{name}"), answer)
                self.assert_content(name)
        self.assert_tree("new", "old")

    def test_complete(self) -> None:
        """A complete on a full disk can be repeated when there is room again, also after a crash."""
        self.check_complete()

    def test_complete_with_state_elsewhere(self) -> None:
        """The same with the records on another disk."""
        self.check_complete("--state", scratch_folder(self))

    def test_start_on_a_full_disk(self) -> None:
        """A server whose disk is full starts and serves; uploads are told why they can't begin."""
        server = self.prepare()
        api = self.api(server)
        self.assertEqual(api.put("/file", b"content").status, 201)
        self.ballast.leave(0)
        server.stop()
        server.start()
        api = self.api(server)
        self.assertEqual(api.get("/file").body, b"content")
        answer = api.chunk("other", 0, CONTENT)
        self.assert_no_space(answer)
        self.ballast.drop()
        self.assertEqual(api.chunk("other", api.offset("other"), CONTENT).status, 200)


class WholeFileTests(FullCase):
    def test_put(self) -> None:
        """A PUT that the disk can't hold is 507, changes nothing and leaves nothing; with room it passes."""
        server = self.prepare()
        api = self.api(server)
        self.assertEqual(api.put("/old", b"old").status, 201)
        for name in ("new", "old"):
            self.ballast.leave(2_000_000)
            before = self.ballast.free()
            answer = self.send_unannounced("PUT", f"/{name}", CONTENT, Accept="application/json")
            self.assert_no_space(answer)
            self.assert_content("old", b"old")
            self.assertGreaterEqual(self.ballast.free(), before - 200_000)
            self.ballast.drop()
        self.assert_tree("old")
        for name, status in (("new", 201), ("old", 204)):
            self.assertEqual(self.send_unannounced("PUT", f"/{name}", CONTENT).status, status)
            self.assert_content(name)

    def test_form(self) -> None:
        """A form that fills the disk is 507; the files that were stored before stand, nothing else is left."""
        self.prepare()
        self.ballast.leave(2_000_000)
        form = b"".join(
            b'--b\r\nContent-Disposition: form-data; name="f"; filename="%s"\r\n\r\n%s\r\n' % (name, content)
            for name, content in ((b"small", b"small"), (b"large", CONTENT))
        )
        kind = {"Content-Type": "multipart/form-data; boundary=b", "Accept": "application/json"}
        answer = self.send_unannounced("POST", "/", form + b"--b--\r\n", **kind)
        self.assert_no_space(answer)
        self.ballast.drop()
        self.assert_tree("small")
        self.assert_content("small", b"small")
        answer = self.send_unannounced("POST", "/?conflict=replace", form + b"--b--\r\n", **kind)
        self.assertEqual(answer.status, 201, answer)
        self.assert_content("large")
