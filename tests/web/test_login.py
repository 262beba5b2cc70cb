"""Signing in: what a request may come with, how somebody is asked to, and how it ends."""

import base64
from urllib.parse import quote, urlencode

from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from peerstor.access.rights import Right
from peerstor.access.throttle import FREE, HEARD, PROVED_FOR, WAITING_AT_MOST_FROM_ONE
from tests.web.house import Answer, House

SECRET = "the owner's secret"
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def basic(secret: str, name: str = "anybody") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


class Closed(SynchronousTestCase):
    """A server with a token."""

    def setUp(self) -> None:
        self.house = House(token=SECRET)
        self.addCleanup(self.house.close)
        self.house.put_file("a.txt", b"inside")
        self.house.put_file("folder/b.txt", b"deeper")

    def get(self, target: str, *headers: dict[str, str]) -> Answer:
        merged: dict[str, str] = {}
        for one in headers:
            merged |= one
        return self.house.ask("GET", target, headers=merged)

    def sign_in(self, secret: str = SECRET, target: str = "", **headers: str) -> Answer:
        body = urlencode({"token": secret, **({"next": target} if target else {})}).encode()
        return self.house.ask("POST", "/-/login", body, {**FORM, **HTML, **headers})

    def cookie(self, answer: Answer) -> dict[str, str]:
        """What the browser sends from then on."""
        return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}


class Presenting(Closed):
    def test_ways(self) -> None:
        """A token is taken as Bearer and as Basic under any user name; with it everything is open."""
        for headers in (bearer(SECRET), basic(SECRET), basic(SECRET, "")):
            self.assertEqual(self.get("/a.txt", headers).body, b"inside")
        self.assertEqual(self.house.ask("PUT", "/a.txt", b"new", bearer(SECRET)).status, 204)
        self.assertEqual(self.house.ask("DELETE", "/a.txt", headers=basic(SECRET)).status, 204)

    def test_without(self) -> None:
        """Without one nothing is told, present or not: the same answer for every name."""
        answers = [self.get(target) for target in ("/a.txt", "/nothing", "/", "/folder/", "/%00", "/-/tree/a.txt")]
        self.assertEqual({answer.status for answer in answers}, {401})
        self.assertEqual(len({answer.body for answer in answers}), 1)

    def test_never_in_a_query(self) -> None:
        """A token in an address isn't one: addresses end in logs and histories."""
        for name in ("token", "access_token", "auth", "pw"):
            self.assertEqual(self.get(f"/a.txt?{name}={quote(SECRET)}").status, 401)

    def test_wrong_secret(self) -> None:
        """A wrong secret is refused also where nobody needs one."""
        house = House(token=SECRET, anonymous="read")
        self.addCleanup(house.close)
        house.put_file("a.txt")
        self.assertEqual(house.get("/a.txt").status, 200)
        self.assertEqual(house.ask("GET", "/a.txt", headers=bearer("wrong")).status, 401)

    def test_challenges(self) -> None:
        """Programs are offered Basic and Bearer; a page's script Bearer only, so that no window opens over it."""
        self.assertEqual(
            self.get("/a.txt").headers["www-authenticate"],
            'Basic realm="PeerStor", charset="UTF-8", Bearer realm="PeerStor"',
        )
        for headers in (
            {"Origin": "http://localhost"},
            {"Sec-Fetch-Mode": "cors", **HTML},
            {"Sec-Fetch-Site": "same-origin"},
        ):
            answer = self.get("/a.txt", headers)
            self.assertEqual((answer.status, answer.headers["www-authenticate"]), (401, 'Bearer realm="PeerStor"'))

    def test_navigation(self) -> None:
        """A person is sent to the login page, which knows the way back."""
        answer = self.get("/folder/?sort=size", HTML)
        self.assertEqual(answer.status, 303)
        self.assertEqual(answer.headers["location"], "/-/login?next=/folder/%3Fsort%3Dsize")
        self.assertEqual(self.get("/api/upload/offset?name=x", HTML).status, 401)
        self.assertEqual(self.get("/a.txt", HTML, bearer("wrong")).status, 401)

    def test_open_default(self) -> None:
        """Without a token nobody is asked for one; the first token closes the server, cross-site reading too."""
        house = House()
        self.addCleanup(house.close)
        house.put_file("a.txt")
        answer = house.get("/a.txt")
        self.assertEqual((answer.status, answer.headers["access-control-allow-origin"]), (200, "*"))
        house.keyring.tokens.add("ann", Right.READ, (), None)
        house.clock.advance(1)
        answer = house.get("/a.txt")
        self.assertEqual(answer.status, 401)
        self.assertNotIn("access-control-allow-origin", answer.headers)

    def test_signed_in_answers_are_private(self) -> None:
        """What somebody sees because of who they are is kept by no shared cache."""
        for target in ("/a.txt", "/", "/nothing"):
            self.assertEqual(
                self.get(target, bearer(SECRET)).headers["cache-control"], "private, no-cache", target
            )


class Named(Closed):
    """Tokens of limited rights."""

    def token(self, rights: Right, *parts: bytes) -> dict[str, str]:
        secret = self.house.keyring.tokens.add("ann", rights, parts, None)
        self.house.clock.advance(1)
        return bearer(secret)

    def test_below_a_path(self) -> None:
        """Rights hold below their path; beside it everything looks absent, whatever is there."""
        ann = self.token(Right.READ | Right.CREATE, b"folder")
        self.assertEqual(self.get("/folder/b.txt", ann).status, 200)
        self.assertEqual(self.house.ask("PUT", "/folder/new", b"x", ann).status, 201)
        for target in ("/a.txt", "/nothing", "/", "/folder2/", "/-/tree/a.txt", "/folderb"):
            self.assertEqual(self.get(target, ann).status, 404, target)
        self.assertEqual(self.house.ask("PUT", "/beside", b"x", ann).status, 404)
        self.assertEqual(self.get("/api/upload/offset?name=x", ann).status, 404)
        self.assertEqual(self.get("/api/upload/offset?dir=/folder&name=x", ann).status, 200)

    def test_seen_but_not_allowed(self) -> None:
        """What may be seen and not be done is 403."""
        ann = self.token(Right.READ, b"folder")
        self.assertEqual(self.house.ask("DELETE", "/folder/b.txt", headers=ann).status, 403)
        self.assertEqual(self.house.ask("PUT", "/folder/new", b"x", ann).status, 403)
        self.assertEqual(self.house.ask("DELETE", "/a.txt", headers=ann).status, 404)

    def test_links_out_of_the_path(self) -> None:
        """A link below the path is no way out of it, to read nor to write."""
        import os

        os.symlink("../a.txt", self.house.path("folder", "peep"))
        os.symlink("..", self.house.path("folder", "out"))
        ann = self.token(Right.READ | Right.CREATE | Right.CHANGE, b"folder")
        for target in ("/folder/peep", "/folder/out/a.txt", "/folder/out/"):
            self.assertEqual(self.get(target, ann).status, 404, target)
        self.assertNotIn(b"peep", self.get("/folder/", ann).body)
        self.assertNotIn(self.house.ask("PUT", "/folder/out/planted", b"x", ann).status, (200, 201, 204))
        self.assertFalse(os.path.exists(self.house.path("planted")))
        chunk = "/api/upload/chunk?dir=/folder/out&name=planted&offset=0"
        self.assertGreaterEqual(self.house.ask("POST", chunk, b"x", ann).status, 400)
        # The owner of the storage may go through.
        self.assertEqual(self.get("/folder/peep", bearer(SECRET)).body, b"inside")

    def test_home(self) -> None:
        """Who signs in and may not see the top is led to the folder that they have."""
        secret = self.token(Right.READ, b"folder")["Authorization"].split()[1]
        answer = self.sign_in(secret)
        self.assertEqual((answer.status, answer.headers["location"]), (303, "/folder/"))
        signed_in = self.cookie(answer)
        answer = self.get("/", HTML, signed_in)
        self.assertEqual((answer.status, answer.headers.get("location")), (303, "/folder/"))
        self.assertEqual(self.get("/a.txt", HTML, signed_in).status, 404)

    def test_no_home(self) -> None:
        """Who has rights, and no folder to see, isn't sent round in circles."""
        manager = self.token(Right.SHARE, b"folder")
        signed_in = self.cookie(self.sign_in(manager["Authorization"].split()[1]))
        self.assertEqual(self.get("/", HTML, signed_in).status, 404)

    def test_drop_folder(self) -> None:
        """Who may only create adds files and learns nothing: not of a name, a size, nor whether one was taken."""
        ann = self.token(Right.CREATE, b"folder")
        for target in ("/folder/b.txt", "/folder/nothing", "/a.txt"):
            self.assertEqual(self.get(target, ann).status, 404, target)
        page = self.get("/folder/", ann, HTML)
        self.assertEqual(page.status, 200)
        self.assertNotIn(b"b.txt", page.body)
        self.assertIn(b"multipart/form-data", page.body)
        self.assertEqual(self.get("/folder/", ann, {"Accept": "application/json"}).status, 404)
        new = self.house.ask("PUT", "/folder/c.txt", b"mine", ann)
        taken = self.house.ask("PUT", "/folder/b.txt", b"mine", ann)
        self.assertEqual((new.status, new.body), (taken.status, taken.body))
        for answer in (new, taken):
            answer.headers.pop("date")
            answer.headers.pop("x-request-id")
        self.assertEqual(new.headers, taken.headers)
        self.assertEqual(self.house.content("folder/b.txt"), b"deeper")
        self.assertEqual(self.house.content("folder/b (2).txt"), b"mine")
        for wish in ("rename", "replace", "refuse"):
            self.house.ask("POST", "/api/upload/chunk?dir=/folder&name=b.txt&offset=0", b"12", ann)
            complete = f"/api/upload/complete?dir=/folder&name=b.txt&size=2&conflict={wish}"
            self.assertEqual(self.house.ask("POST", complete, b"", ann).json["path"], "/folder/b.txt")
        for condition in ({"If-None-Match": "*"}, {"If-Match": "*"}):
            there = self.house.ask("PUT", "/folder/b.txt", b"x", {**ann, **condition})
            absent = self.house.ask(
                "PUT", f"/folder/new{len(condition)}-{next(iter(condition))}", b"x", {**ann, **condition}
            )
            self.assertEqual(there.status, absent.status, condition)

    def test_public_reading_and_private_writing(self) -> None:
        """One switch lets everybody read and only tokens write."""
        house = House(token=SECRET, anonymous="read")
        self.addCleanup(house.close)
        house.put_file("a.txt")
        self.assertEqual(house.get("/a.txt").status, 200)
        self.assertEqual(house.ask("PUT", "/new", b"x").status, 401)
        self.assertEqual(house.ask("PUT", "/new", b"x", bearer(SECRET)).status, 201)

    def test_revoked(self) -> None:
        """A token that was revoked is none at once, and so are the sessions that began with it."""
        ann = self.token(Right.READ)
        signed_in = self.cookie(self.sign_in(ann["Authorization"].split()[1]))
        self.assertEqual(self.get("/a.txt", signed_in).status, 200)
        self.house.keyring.tokens.revoke("ann")
        self.house.clock.advance(1)
        self.assertEqual(self.get("/a.txt", ann).status, 401)
        self.assertEqual(self.get("/a.txt", signed_in).status, 401)


class Sessions(Closed):
    def test_cookie(self) -> None:
        """Signing in gives a cookie named after this storage, that no script sees and no other site sends."""
        answer = self.sign_in()
        self.assertEqual((answer.status, answer.headers["location"]), (303, "/"))
        name = f"peerstor-{self.house.private.instance_id[:12]}"
        self.assertRegex(
            answer.headers["set-cookie"], rf"^{name}=[\w-]{{43}}; Path=/; Max-Age=\d+; HttpOnly; SameSite=Lax$"
        )
        self.assertEqual(self.get("/a.txt", self.cookie(answer)).body, b"inside")

    def test_back_to_where_one_was(self) -> None:
        """After signing in one is where one was going; never on another server."""
        self.assertEqual(self.sign_in(target="/folder/?sort=size").headers["location"], "/folder/?sort=size")
        for target in ("//evil.example/", "https://evil.example/", "/\\evil.example", "evil", "/\r\nX: y", "/ä"):
            self.assertEqual(self.sign_in(target=target).status, 400, target)

    def test_not_out_of_the_base(self) -> None:
        """Nor at another server's that stands beside ours behind the same proxy, however the way there is spelled."""
        house = House(token=SECRET, base_path="/sub")
        self.addCleanup(house.close)
        for target, status in (
            ("/sub/folder/?sort=../size", 303),
            ("/sub/a..b/.../c", 303),
            ("/subevil", 400),
            ("/sub/../evil", 400),
            ("/sub/folder/%2e%2E/../evil", 400),
            ("/sub/.%2e", 400),
            ("/sub/./..?x", 400),
            ("/sub/..#x", 400),
        ):
            body = urlencode({"token": SECRET, "next": target}).encode()
            answer = house.ask("POST", "/sub/-/login", body, {**FORM, **HTML})
            self.assertEqual(answer.status, status, target)

    def test_wrong(self) -> None:
        """A wrong token shows the form again and says so."""
        answer = self.sign_in("wrong")
        self.assertEqual(answer.status, 401)
        self.assertNotIn("set-cookie", answer.headers)
        self.assertEqual(answer.headers["www-authenticate"], 'Bearer realm="PeerStor"')
        self.assertIn(b"no token of this server", answer.body)
        self.assertNotIn(b"wrong-secret", answer.body)

    def test_rotated(self) -> None:
        """Signing in again ends the session that the browser had, also one that somebody planted."""
        first = self.cookie(self.sign_in())
        second = self.cookie(self.sign_in(**first))
        self.assertNotEqual(first, second)
        self.assertEqual(self.get("/a.txt", first).status, 401)
        self.assertEqual(self.get("/a.txt", second).status, 200)

    def test_sign_out(self) -> None:
        """Signing out ends the session at the server, not only in the browser."""
        signed_in = self.cookie(self.sign_in())
        answer = self.house.ask("POST", "/-/logout", b"", {**FORM, **HTML, **signed_in})
        self.assertEqual(answer.status, 303)
        self.assertIn("Max-Age=0", answer.headers["set-cookie"])
        self.assertEqual(self.get("/a.txt", signed_in).status, 401)

    def test_forged_from_another_site(self) -> None:
        """No other site's page signs anybody in or out."""
        for target in ("/-/login", "/-/logout"):
            for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
                answer = self.house.ask("POST", target, b"token=x", {**FORM, **headers})
                self.assertEqual((answer.status, "set-cookie" in answer.headers), (403, False))

    def test_audited(self) -> None:
        """Who signs in, who fails to and who signs out is noted, and never a secret."""
        signed_in = self.cookie(self.sign_in())
        self.sign_in("a wrong secret")
        self.house.ask("POST", "/-/logout", b"", {**FORM, **signed_in})
        noted = [note for note in self.house.audit.noted if note["event"].startswith("log")]
        self.assertEqual([note["event"] for note in noted], ["login", "login_failed", "logout"])
        self.assertEqual(noted[0]["principal"], "owner")
        self.assertNotIn("secret", str(noted))


class Guessing(Closed):
    def test_slowed_and_bounded(self) -> None:
        """Guesses wait ever longer for their answers, only so many at once; a right token never waits."""
        for _ in range(FREE):
            self.assertEqual(self.get("/a.txt", bearer("guess")).status, 401)
        waiting = []
        for _ in range(WAITING_AT_MOST_FROM_ONE):
            channel, wire = self.house.connect()
            channel.dataReceived(b"GET /a.txt HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer guess\r\n\r\n")
            self.assertEqual(wire.value(), b"")
            waiting.append((channel, wire))
        refused = self.get("/a.txt", bearer("guess"))
        self.assertEqual(refused.status, 429)
        self.assertGreaterEqual(int(refused.headers["retry-after"]), 1)
        self.assertEqual(self.get("/a.txt", bearer(SECRET)).status, 200)
        self.house.clock.advance(5)
        for _, wire in waiting:
            self.assertTrue(wire.value().startswith(b"HTTP/1.1 401 "))

    def test_guesser_who_does_not_wait(self) -> None:
        """The owner's secret is looked at beside many guesses, and beside too many no oftener because the guessers
        leave at once; other tokens are no guess.
        """
        ann = bearer(self.house.keyring.tokens.add("ann", Right.READ, (), None))
        self.house.clock.advance(1)
        for number in range(HEARD):
            self.leave_at_once(f"guess {number}")
        self.assertEqual(self.get("/a.txt", bearer(SECRET)).status, 200)
        self.house.clock.advance(PROVED_FOR)
        for number in range(HEARD + 1):
            self.leave_at_once(f"next guess {number}")
        for secret in (SECRET, "another guess"):
            self.assertEqual(self.get("/a.txt", bearer(secret)).status, 429)
            self.assertEqual(self.sign_in(secret).status, 429)
        self.assertEqual(self.get("/a.txt", ann).status, 200)
        self.house.clock.advance(5)
        self.assertEqual(self.get("/a.txt", bearer(SECRET)).status, 200)
        for number in range(FREE + 1):
            self.leave_at_once(f"later guess {number}")
        self.assertEqual(self.get("/a.txt", bearer(SECRET)).status, 200)

    def leave_at_once(self, secret: str) -> None:
        channel, _ = self.house.connect()
        head = f"GET /a.txt HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {secret}\r\n\r\n"
        channel.dataReceived(head.encode())
        channel.connectionLost(Failure(ConnectionError()))

    def test_client_that_leaves(self) -> None:
        """A guesser that doesn't wait for the answer frees its place."""
        for _ in range(3 * WAITING_AT_MOST_FROM_ONE):
            channel, _ = self.house.connect()
            channel.dataReceived(b"GET /a.txt HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer guess\r\n\r\n")
            channel.connectionLost(Failure(ConnectionError()))
        self.assertNotEqual(self.get("/", bearer(SECRET)).status, 429)
