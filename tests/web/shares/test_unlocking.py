"""Shares with a password."""

from twisted.python.failure import Failure

from peerstor.access.throttle import FREE
from tests.fakes import HeldThreads, ImmediateThreads
from tests.web.shares.scaffold import FORM, HTML, SharingCase, basic

PASSWORD = "s\u00e9same"


class Locked(SharingCase):
    def setUp(self) -> None:
        super().setUp()
        self.address = self.share(password=PASSWORD)
        self.file = f"{self.address}/a.txt"

    def test_without(self) -> None:
        """Without the password nothing is told, not even a name; present or not is all alike."""
        for accept in ({}, HTML, {"Accept": "application/json"}):
            targets = ("", "/", "/a.txt", "/nothing", "/sub/", "/..", "/peep")
            answers = [self.get(self.address + target, accept) for target in targets]
            self.assertEqual({answer.status for answer in answers}, {401})
            for target, answer in zip(targets, answers, strict=True):
                told = answer.body.replace(f"{self.address}{target}".encode(), b"")
                for name in (b"a.txt", b"b.txt", b"0123"):
                    self.assertNotIn(name, told)
        for method in ("HEAD", "PUT", "POST"):
            self.assertEqual(self.ask(method, self.file, b"x" if method != "HEAD" else None).status, 401)

    def test_page(self) -> None:
        """A person is asked by a page, and led on to where they were going, with a ticket."""
        page = self.get(f"{self.file}?download", HTML)
        self.assertEqual(page.status, 401)
        self.assertIn(f'action="/-/unlock/{self.id}"'.encode(), page.body)
        self.assertIn(f'value="{self.file}?download"'.encode(), page.body)
        self.assertNotIn("Basic", page.headers["www-authenticate"])
        answer = self.unlock(self.address, PASSWORD, next=f"{self.file}?download")
        self.assertEqual((answer.status, answer.headers["location"]), (303, f"{self.file}?download"))
        for attribute in (f"Path={self.address};", "HttpOnly", "SameSite=Lax"):
            self.assertIn(attribute, answer.headers["set-cookie"])
        self.assertEqual(self.get(self.file, HTML, self.cookie(answer)).body, b"0123456789")

    def test_program(self) -> None:
        """A program is asked by a challenge, and may send it as a Basic password."""
        answer = self.get(self.file)
        self.assertIn("Basic", answer.headers["www-authenticate"])
        self.assertEqual(self.get(self.file, basic(PASSWORD)).body, b"0123456789")
        self.assertEqual(self.get(self.file, basic("wrong")).status, 401)
        self.assertEqual(self.get(self.file, basic("")).status, 401)

    def test_wrong(self) -> None:
        """A wrong one is told as such, and gives nothing; it is noted."""
        answer = self.unlock(self.address, "wrong")
        self.assertEqual(answer.status, 401)
        self.assertIn(b"not the password", answer.body)
        self.assertNotIn("set-cookie", answer.headers)
        noted = self.house.audit.noted[-1]
        self.assertEqual((noted["event"], noted["principal"]), ("share_password_failed", f"share {self.id[:8]}"))
        self.assertNotIn(self.id, str(noted))

    def test_guessing(self) -> None:
        """Who guesses waits ever longer, whatever address they come from; a right one never does."""
        for _ in range(FREE):
            self.assertEqual(self.get(self.file, basic("wrong")).status, 401)
        channel, wire = self.house.connect()
        head = f"GET {self.file} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {basic('wrong')['Authorization']}\r\n\r\n"
        channel.dataReceived(head.encode())
        self.assertEqual(wire.value(), b"")
        self.assertEqual(self.get(self.file, basic(PASSWORD)).status, 200)
        self.house.clock.advance(5)
        self.assertTrue(wire.value().startswith(b"HTTP/1.1 401"))

    def test_guesser_who_does_not_wait(self) -> None:
        """While the answer to a guess is due, no other password from there is looked at, right or wrong."""
        for number in range(FREE):
            self.assertEqual(self.get(self.file, basic(f"wrong {number}")).status, 401)
        channel, _ = self.house.connect()
        head = f"GET {self.file} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {basic('more')['Authorization']}\r\n\r\n"
        channel.dataReceived(head.encode())
        channel.connectionLost(Failure(ConnectionError()))
        self.assertEqual(self.get(self.file, basic(PASSWORD)).status, 429)
        self.house.clock.advance(5)
        self.assertEqual(self.get(self.file, basic(PASSWORD)).status, 200)

    def test_changed(self) -> None:
        """Changing the password ends the tickets; taking it away opens the share."""
        ticket = self.cookie(self.unlock(self.address, PASSWORD))
        self.api("PATCH", f"/{self.id}", {"note": "x"})
        self.assertEqual(self.get(self.file, ticket).status, 200)
        self.api("PATCH", f"/{self.id}", {"password": "other"})
        self.assertEqual(self.get(self.file, ticket).status, 401)
        self.assertEqual(self.get(self.file, basic(PASSWORD)).status, 401)
        self.assertEqual(self.get(self.file, basic("other")).status, 200)
        self.api("PATCH", f"/{self.id}", {"password": None})
        self.assertEqual(self.get(self.file).status, 200)

    def test_ended_while_it_is_looked_at(self) -> None:
        """A right password opens nothing that was revoked, or got another one, before it was found right."""
        for method, body, status in (("PATCH", {"password": None}, b" 401 "), ("DELETE", None, b" 404 ")):
            passwords, held = self.house.share_links.passwords, HeldThreads()
            address = self.share(password=PASSWORD)
            self.patch(passwords, "_threads", held)
            channel, wire = self.house.connect()
            head = f"GET {address}/a.txt HTTP/1.1\r\nHost: localhost\r\n"
            channel.dataReceived(f"{head}Authorization: {basic(PASSWORD)['Authorization']}\r\n\r\n".encode())
            self.assertLess(self.api(method, f"/{self.id}", body).status, 300)
            held.release_all()
            self.house.settle()
            self.assertIn(status, wire.value())
            self.patch(passwords, "_threads", ImmediateThreads())

    def test_other_share(self) -> None:
        """A ticket opens one share only."""
        ticket = self.cookie(self.unlock(self.address, PASSWORD))
        other = self.share(password=PASSWORD)
        self.assertEqual(self.get(f"{other}/a.txt", ticket).status, 401)

    def test_next(self) -> None:
        """One is led on within the share only."""
        for target in (
            "/",
            "//evil.example",
            "https://evil.example",
            f"{self.address}evil",
            "/\\evil",
            f"{self.address}/\r\nX: y",
            "/-/s/other/",
        ):
            answer = self.unlock(self.address, PASSWORD, next=target)
            self.assertEqual(answer.status, 400, target)
            self.assertNotIn("set-cookie", answer.headers)

    def test_other_site(self) -> None:
        """Another site's page can't try passwords."""
        answer = self.ask("POST", f"/-/unlock/{self.id}", b"password=x", FORM, {"Origin": "http://evil.example"})
        self.assertEqual(answer.status, 403)

    def test_unknown_share(self) -> None:
        """There is nothing to unlock of what isn't there."""
        for share in ("A" * 22, "x", "%20"):
            self.assertEqual(self.ask("POST", f"/-/unlock/{share}", b"password=x", FORM).status, 404)

    def test_never_told(self) -> None:
        """Neither the password nor its hash is told to anybody."""
        for told in (self.api("GET", f"/{self.id}"), self.api("GET")):
            for secret in (PASSWORD.encode(), b"argon2"):
                self.assertNotIn(secret, told.body)
        self.assertIs(self.told()["password"], True)

    def test_large(self) -> None:
        """A body beyond measure is refused."""
        self.assertEqual(self.ask("POST", f"/-/unlock/{self.id}", b"password=" + b"x" * 100_000, FORM).status, 413)
        self.assertEqual(self.unlock(self.address, "x" * 300).status, 401)
