"""Every way of changing something is told to whoever keeps the audit, by whom and from where."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.web.house import Answer, House

FORM = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nhello\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="\xc3\xa4"\r\n\r\n\r\n--b--\r\n'
)
OWNER = {"Authorization": "Bearer 12345678"}


class AuditTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.house = House(token="12345678", anonymous="create", trusted_proxy=("0.0.0.0/0", "::/0", "unix"))
        self.addCleanup(self.house.close)

    def ask(self, method: str, target: str, body: bytes = b"", **headers: Any) -> Answer:
        return self.house.ask(method, target, body, {"X-Forwarded-For": "192.0.2.7", **OWNER, **headers})

    def told(self) -> list[tuple[Any, ...]]:
        """What was noted since this was last asked; each with who did it and from where."""
        noted, self.house.audit.noted = self.house.audit.noted, []
        return [tuple(one.values()) for one in noted]

    def test_each_way(self) -> None:
        """PUT, forms, the upload API and DELETE: what was added, replaced and deleted."""
        where = ("owner", "192.0.2.7")
        self.ask("PUT", "/a%ff", b"hello")
        self.ask("PUT", "/a%ff", b"again!")
        self.assertEqual(self.told(), [("upload", *where, b"/a\xff", 5), ("replace", *where, b"/a\xff", 6)])
        self.ask("POST", "/", FORM, **{"Content-Type": "multipart/form-data; boundary=b"})
        self.ask("POST", "/?conflict=replace", FORM, **{"Content-Type": "multipart/form-data; boundary=b"})
        names = [
            ("upload", b"/f", 5),
            ("upload", b"/\xc3\xa4", 0),
            ("replace", b"/f", 5),
            ("replace", b"/\xc3\xa4", 0),
        ]
        self.assertEqual(self.told(), [(event, *where, path, size) for event, path, size in names])
        self.ask("POST", "/api/upload/chunk?name=f&offset=0", b"hello")
        self.assertEqual(self.told(), [])
        self.ask("POST", "/api/upload/complete?name=f&size=5")
        self.ask("POST", "/api/upload/complete?name=f&size=5")
        self.assertEqual(self.told(), [("upload", *where, b"/f (2)", 5)])
        self.ask("DELETE", "/f")
        self.assertEqual(self.told(), [("delete", *where, b"/f")])

    def test_who(self) -> None:
        """Somebody without a token is `anonymous`."""
        self.ask("PUT", "/a", b"hello", Authorization=None)
        self.assertEqual(self.told(), [("upload", "anonymous", "192.0.2.7", b"/a", 5)])

    def test_nothing_done(self) -> None:
        """What was refused has changed nothing, and isn't noted as a change."""
        self.house.put_file("f", b"old")
        for method, target, headers in (
            ("PUT", "/f", {"Authorization": None}), ("PUT", "/none/f", {}), ("PUT", "/f", {"If-None-Match": "*"}),
            ("PUT", "/f", {"Content-Digest": "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"}), ("DELETE", "/none", {}),
        ):  # fmt: skip
            self.assertGreaterEqual(self.ask(method, target, b"x", **headers).status, 400)
        self.assertEqual(self.told(), [])
