"""What a right for one place tells of, and reaches, beside that place: nothing."""

import os
from urllib.parse import quote

from twisted.trial.unittest import SynchronousTestCase

from peerstor.access.rights import Right
from tests.web.house import Answer, House

FORM = {"Content-Type": "multipart/form-data; boundary=b"}
FILE = b'--b\r\nContent-Disposition: form-data; name="f"; filename="new"\r\n\r\nhello\r\n--b--\r\n'


class Edges(SynchronousTestCase):
    """A house in which only a token opens anything."""

    def setUp(self) -> None:
        self.house = House(anonymous="none")
        self.addCleanup(self.house.close)
        self.secret = ""

    def grant(self, rights: Right, *parts: bytes) -> None:
        self.secret = self.house.keyring.tokens.add("scanner", rights, parts, None)

    def ask(self, method: str, target: str, body: bytes | None = None, **headers: str) -> Answer:
        return self.house.ask(method, target, body, {"Authorization": f"Bearer {self.secret}", **headers})

    def upload(self, name: str, **parameters: str) -> Answer:
        rest = "".join(f"&{key}={quote(value, safe='')}" for key, value in parameters.items())
        self.ask("POST", f"/api/upload/chunk?name={name}&offset=0{rest}", b"hello")
        return self.ask("POST", f"/api/upload/complete?name={name}&size=5{rest}", b"")


class DropFolderTests(Edges):
    """Whoever may only add files to a folder."""

    def setUp(self) -> None:
        super().setUp()
        self.house.put_file("drop/taken.txt", b"a secret")
        self.grant(Right.CREATE, b"drop")

    def test_form_to_a_file(self) -> None:
        """A form that is sent to a file's address tells no more than one sent to a name that is free."""
        taken, free = (self.ask("POST", f"/drop/{name}", FILE, **FORM) for name in ("taken.txt", "free.txt"))
        self.assertEqual((taken.status, taken.body), (404, free.body))
        self.assertEqual((free.status, "allow" in taken.headers), (404, False))

    def test_no_name_beside_the_folder(self) -> None:
        """A file of the folder's own name would be numbered, and so lie outside of it: it is refused."""
        before = os.listdir(self.house.path())
        self.assertEqual(self.ask("PUT", "/drop", b"hello").status, 409)
        self.assertEqual(self.upload("drop").status, 409)
        self.assertEqual(self.upload("drop", conflict="rename").status, 409)
        self.assertEqual(os.listdir(self.house.path()), before)


class OneFileTests(Edges):
    """Whoever has rights to one file."""

    def setUp(self) -> None:
        super().setUp()
        self.house.put_file("folder/log.txt", b"old")
        self.grant(Right.READ | Right.CREATE | Right.CHANGE, b"folder", b"log.txt")

    def test_no_name_beside_it(self) -> None:
        """An upload of that name replaces it if that is wished; none lands beside it under a numbered name."""
        self.assertEqual(self.upload("log.txt", dir="/folder").status, 409)
        self.assertEqual(os.listdir(self.house.path("folder")), [b"log.txt"])
        self.assertEqual(self.upload("log.txt", dir="/folder", conflict="replace").status, 200)
        self.assertEqual(self.house.content("folder/log.txt"), b"hello")
        self.assertEqual(self.ask("PUT", "/folder/log.txt", b"newer").status, 204)

    def test_wider_rights(self) -> None:
        """Rights to the folder as well let names be numbered, as ever."""
        self.grant_folder()
        self.assertEqual(self.upload("log.txt", dir="/folder").json["path"], "/folder/log (2).txt")

    def grant_folder(self) -> None:
        self.house.keyring.tokens.revoke("scanner")
        self.grant(Right.READ | Right.CREATE, b"folder")
