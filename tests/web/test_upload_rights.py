"""An upload goes on by the present rights of its principal, whatever it was begun with."""

import os

from twisted.trial.unittest import SynchronousTestCase

from peerstor.access.rights import Right
from tests.web.house import Answer, House

UPLOAD = "dir=/mine/link&name=f"


class UploadRightsTests(SynchronousTestCase):
    """`/mine/link` leads to `/other`, for which a token for `/mine` is none."""

    def setUp(self) -> None:
        self.house = House(anonymous="none")
        self.addCleanup(self.house.close)
        for name in ("mine", "other"):
            os.mkdir(self.house.path(name))
        os.symlink("../other", self.house.path("mine", "link"))
        self.secret = ""

    def grant(self, *parts: bytes) -> None:
        """Let there be one token, of the same name as ever, for a folder."""
        self.house.keyring.tokens.revoke("scanner")
        self.secret = self.house.keyring.tokens.add("scanner", Right.CREATE | Right.READ, parts, None)
        self.house.clock.advance(1)

    def ask(self, method: str, target: str, body: bytes | None = None) -> Answer:
        return self.house.ask(method, target, body, {"Authorization": f"Bearer {self.secret}"})

    def chunk(self, offset: int, body: bytes) -> Answer:
        return self.ask("POST", f"/api/upload/chunk?{UPLOAD}&offset={offset}", body)

    def complete(self, size: int) -> Answer:
        return self.ask("POST", f"/api/upload/complete?{UPLOAD}&size={size}", b"")

    def refused(self, answer: Answer) -> None:
        self.assertEqual((answer.status, answer.json["error"]), (409, "no_parent"))
        self.assertEqual(os.listdir(self.house.path("other")), [])

    def test_begin(self) -> None:
        """Nothing is begun through a link that leads out of the granted folder, by whichever way."""
        self.grant(b"mine")
        self.refused(self.chunk(0, b"hello"))
        self.refused(self.complete(0))
        self.assertEqual(self.ask("PUT", "/mine/link/f", b"hello").status, 409)
        self.assertEqual(self.ask("PUT", "/other/f", b"hello").status, 404)
        self.assertEqual(os.listdir(self.house.path("other")), [])
        self.assertEqual(os.listdir(self.house.path(".peerstor", "parts")), [])

    def test_go_on(self) -> None:
        """Nor does an upload go on there which wider rights had begun, in memory or loaded again."""
        self.grant()
        self.assertEqual(self.chunk(0, b"hello").json, {"nextOffset": 5})
        self.grant(b"mine")
        for _ in range(2):
            self.refused(self.chunk(5, b" world"))
            self.refused(self.complete(5))
            self.house.clock.advance(600)  # by then it is closed, and its row is read
        self.grant()
        self.assertEqual(self.complete(5).json["path"], "/mine/link/f")
