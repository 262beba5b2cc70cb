"""The API of share links."""

import json
import math
from typing import Any

from twisted.python.failure import Failure

from peerstor.access.rights import EVERY, Right
from peerstor.access.shares import tables
from tests.fakes import HeldThreads
from tests.web.house import House
from tests.web.shares.scaffold import OWNER, SECRET, SharingCase

OPEN = Right.READ | Right.CREATE | Right.SHARE


class Making(SharingCase):
    def test_all_fields(self) -> None:
        """What was asked for is told back, with an address to give away."""
        answer = self.api("POST", body={
            "path": "/shared/sub", "mode": "read", "expires": 3600, "password": "p", "max_downloads": 3, "note": "n\u00f6te",
        })  # fmt: skip
        self.assertEqual(answer.status, 201)
        told = answer.json
        self.assertRegex(told["id"], r"\A[A-Za-z0-9_-]{22}\Z")
        self.assertEqual(answer.headers["location"], f"/api/shares/{told['id']}")
        self.assertEqual(answer.headers["cache-control"], "private, no-store")
        self.assertEqual(
            {name: value for name, value in told.items() if name != "id"},
            {
                "url": f"http://localhost/-/s/{told['id']}", "href": f"/-/s/{told['id']}", "path": "/shared/sub/",
                "type": "folder", "mode": "read", "live": True, "created_by": "owner",
                "created": "2023-11-14T22:13:20Z", "expires": "2023-11-14T23:13:20Z", "password": True,
                "max_downloads": 3, "downloads": 0, "max_bytes": None, "bytes": 0, "note": "n\u00f6te",
            },
        )  # fmt: skip
        self.assertEqual(self.api("GET", f"/{told['id']}").json, {**told, "deliveries": []})
        self.assertEqual(self.api("GET").json, {"shares": [told]})

    def test_defaults(self) -> None:
        """A path is enough: to read, for ever, without a password."""
        told = self.api("POST", body={"path": "/shared/a.txt"}).json
        self.assertEqual(
            (told["mode"], told["type"], told["expires"], told["password"]), ("read", "file", None, False)
        )

    def test_wrong_fields(self) -> None:
        """Unknown fields and wrong values are 400, and the message names the field."""
        path = {"path": "/shared"}
        for body, named in (
            ({}, "path"), ({"path": 1}, "path"), ({"path": None}, "path"), ({"path": "shared"}, "path"), ({"path": ["/"]}, "path"),
            ({**path, "x": 1}, "'x'"), ({**path, "id": "x"}, "'id'"), ({**path, "\u202e": 1}, "u202e"),
            *(({**path, "mode": bad}, "mode") for bad in ("write", "", None, 1, ["read"], {})),
            *(({**path, "expires": bad}, "expires") for bad in (
                0, -1, 1.5, True, "soon", "", "3600", 10**12, "2020-01-01T00:00:00Z", "2030-13-01T00:00:00Z", "2030-01-01", "2030-01-01T00:00:00", "9999-12-31T23:59:59Z", [], "\u0662030-01-01T00:00:00Z")),
            *(({**path, "password": bad}, "password") for bad in ("", 1, "x" * 257, [], "\ud800")),
            *(({**path, "max_downloads": bad}, "max_downloads") for bad in (0, -1, 1.5, "1", True, 10**7, [])),
            *(({**path, "mode": "upload", "max_bytes": bad}, "max_bytes") for bad in (0, -1, 1.5, "1", True, 2**63, float(2**63), math.inf, math.nan)),
            *(({**path, "note": bad}, "note") for bad in (None, 1, "x" * 2001, "\ud800", "a\0b")),
            ({**path, "mode": "upload", "max_downloads": 1}, "max_downloads"), ({**path, "max_bytes": 1}, "max_bytes"),
            ({"path": "/shared/a.txt", "mode": "upload"}, "mode"),
        ):  # fmt: skip
            answer = self.api("POST", body=body)
            self.assertEqual((answer.status, answer.json["error"]), (400, "bad_request"), body)
            self.assertIn(named, answer.json["message"])
        for bad in ("/..", "/a//b", "/\0", "/\ud800", "/./a"):
            self.assertEqual(self.api("POST", body={"path": bad}).json["error"], "bad_path", bad)
        self.assertEqual(self.api("GET").json["shares"], [])

    def test_whole_numbers(self) -> None:
        """JSON knows one kind of numbers: 2.0 is 2, and told back as such."""
        self.share(expires=60.0, max_downloads=2.0)
        told = self.told()
        self.assertEqual((told["expires"], repr(told["max_downloads"])), ("2023-11-14T22:14:20Z", "2"))

    def test_moments(self) -> None:
        """An end is a number of seconds from now, or a moment."""
        for given, told in (
            (60, "2023-11-14T22:14:20Z"), ("2030-01-31T12:00:00Z", "2030-01-31T12:00:00Z"),
            ("2030-01-31t12:00:00.5+02:00", "2030-01-31T10:00:00Z"),
        ):  # fmt: skip
            self.share(expires=given)
            self.assertEqual(self.told()["expires"], told)

    def test_no_json(self) -> None:
        """What is no JSON object is refused, and so is what isn't said to be one."""
        for content, kind, status in (
            (b"{", "application/json", 400),
            (b"[]", "application/json", 400),
            (b"{}", "text/plain", 415),
        ):
            answer = self.house.ask("POST", "/api/shares", content, {**OWNER, "Content-Type": kind})
            self.assertEqual(answer.status, status)

    def test_what_is_not_there(self) -> None:
        """Only what is there can be shared, and nothing private."""
        for path in ("/nothing", "/shared/nothing", "/.peerstor", "/shared/root", "/shared/a.txt/x"):
            self.assertEqual(self.api("POST", body={"path": path}).status, 404, path)

    def test_url(self) -> None:
        """The address has the scheme, host and base path that the client sees."""
        house = House(token=SECRET, base_path="/sub", trusted_proxy=("192.0.2.7/32",))
        self.addCleanup(house.close)
        house.put_file("f", b"inside")
        headers = {**OWNER, "Content-Type": "application/json", "Host": "localhost:8080"}
        told = house.ask("POST", "/sub/api/shares", b'{"path": "/f", "password": "p"}', headers).json
        self.assertEqual(told["url"], f"http://localhost:8080/sub/-/s/{told['id']}")
        secure = {"Forwarded": "proto=https;host=files.local"}
        told = house.ask("GET", f"/sub/api/shares/{told['id']}", None, {**OWNER, **secure}).json
        self.assertEqual(told["url"], f"https://files.local/sub/-/s/{told['id']}")
        form = {"Content-Type": "application/x-www-form-urlencoded", **secure}
        unlocked = house.ask("POST", f"/sub/-/unlock/{told['id']}", b"password=p", form)
        self.assertEqual((unlocked.status, unlocked.headers["location"]), (303, f"/sub/-/s/{told['id']}"))
        cookie = unlocked.headers["set-cookie"]
        self.assertTrue(cookie.startswith("__Secure-peerstor-share="))
        for attribute in (f"Path=/sub/-/s/{told['id']};", "Secure", "HttpOnly", "SameSite=Lax"):
            self.assertIn(attribute, cookie)
        page = house.ask(
            "GET",
            f"/sub/-/s/{told['id']}",
            None,
            {"Accept": "text/html", "Cookie": cookie.partition(";")[0], **secure},
        )
        self.assertIn(f'href="/sub/-/s/{told["id"]}/f?download"'.encode(), page.body)

    def test_how_many(self) -> None:
        """There is a most of them."""
        self.patch(tables, "SHARES", 1)
        self.share()
        self.assertEqual(self.api("POST", body={"path": "/shared"}).status, 400)

    def test_noted(self) -> None:
        """What is made, changed and revoked is noted, and never what opens it."""
        self.share(password="p-a-s-s")
        self.api("PATCH", f"/{self.id}", {"note": "x", "password": "other-p"})
        self.api("DELETE", f"/{self.id}")
        noted = [one for one in self.house.audit.noted if one["event"].startswith("share")]
        self.assertEqual([one["event"] for one in noted], ["share", "share_changed", "share_revoked"])
        for one in noted:
            self.assertEqual(
                (one["principal"], one["path"], one["share"]), ("owner", b"/shared", f"share {self.id[:8]}")
            )
        for secret in (self.id, "p-a-s-s", "other-p", "argon2"):
            self.assertNotIn(secret, str(noted))


class Allowed(SharingCase):
    def test_rights(self) -> None:
        """Nobody shares what they may not do themselves, nor where they may not share."""
        for number, (rights, parts, mode, status) in enumerate((
            (OPEN, (b"shared",), "read", 201), (OPEN, (b"shared",), "upload", 201),
            (Right.READ | Right.SHARE, (b"shared",), "read", 201), (Right.READ | Right.SHARE, (b"shared",), "upload", 403),
            (Right.CREATE | Right.SHARE, (b"shared",), "upload", 201), (Right.CREATE | Right.SHARE, (b"shared",), "read", 404),
            (Right.SHARE, (b"shared",), "read", 404), (OPEN, (b"shared", b"sub"), "read", 404), (OPEN, (b"shared2",), "read", 404),
            (Right.READ | Right.CREATE | Right.CHANGE | Right.ADMIN, (), "read", 403),
        )):  # fmt: skip
            who = self.token(rights, *parts, name=f"t{number}")
            answer = self.api("POST", body={"path": "/shared", "mode": mode}, who=who)
            self.assertEqual(answer.status, status, (rights, parts, mode))

    def test_nobody(self) -> None:
        """Whoever isn't signed in, or may not share, has no shares at all."""
        self.share()
        reader = self.token(Right.READ | Right.CREATE | Right.CHANGE)
        for method, target in (
            ("GET", ""),
            ("POST", ""),
            ("GET", f"/{self.id}"),
            ("PATCH", f"/{self.id}"),
            ("DELETE", f"/{self.id}"),
        ):
            self.assertEqual(self.api(method, target, who={}).status, 401, method)
            self.assertEqual(self.api(method, target, who=reader).status, 403, method)
        self.assertTrue(self.told()["live"])

    def test_open_server(self) -> None:
        """Where there is no token, nobody shares."""
        house = House(anonymous="full")
        self.addCleanup(house.close)
        for method in ("GET", "POST"):
            self.assertEqual(house.ask(method, "/api/shares", b"{}").status, 403)

    def test_whose(self) -> None:
        """One's own shares are listed; with admin everybody's below there; others' are unknown."""
        ann, bob = self.token(OPEN, b"shared"), self.token(OPEN, b"shared", name="bob")
        admin = self.token(Right.ADMIN | Right.SHARE, b"shared", name="adm")
        self.share(who=ann)
        anns = self.id
        self.share(who=bob)
        bobs = self.id
        self.share("/sub")
        owners = self.id

        def ids(who: dict[str, str]) -> set[str]:
            return {one["id"] for one in self.api("GET", who=who).json["shares"]}

        self.assertEqual(ids(ann), {anns})
        self.assertEqual(ids(bob), {bobs})
        self.assertEqual(ids(admin), {anns, bobs})
        self.assertEqual(ids(OWNER), {anns, bobs, owners})
        bodies: dict[str, Any] = {"PATCH": {"note": "x"}}
        for method in ("GET", "PATCH", "DELETE"):
            for target in (bobs, owners, "A" * 22, "x"):
                answer = self.api(method, f"/{target}", bodies.get(method), who=ann)
                self.assertEqual(answer.status, 404, (method, target))
        self.assertEqual(self.api("DELETE", f"/{bobs}", who=admin).status, 204)

    def test_share_of_a_session(self) -> None:
        """What is shared in a session is the token's, and outlives the session."""
        cookie = {
            "Cookie": self.house.ask(
                "POST",
                "/-/login",
                f"token={SECRET.replace(' ', '+')}".replace("'", "%27").encode(),
                {"Content-Type": "application/x-www-form-urlencoded"},
            )
            .headers["set-cookie"]
            .partition(";")[0]
        }
        address = self.share(who=cookie)
        self.house.ask("POST", "/-/logout", b"", cookie)
        self.assertEqual(self.get(f"{address}/a.txt").status, 200)
        self.assertEqual(len(self.api("GET").json["shares"]), 1)

    def test_other_site(self) -> None:
        """Another site's page makes, changes and ends nothing."""
        self.share()
        for method, target in (("POST", ""), ("PATCH", f"/{self.id}"), ("DELETE", f"/{self.id}")):
            answer = self.api(method, target, {}, who={**OWNER, "Origin": "http://evil.example"})
            self.assertEqual(answer.json["error"], "cross_site")


class Changing(SharingCase):
    def test_fields(self) -> None:
        """Only what is given changes; null takes a limit away."""
        self.share(expires=60, password="p", max_downloads=2, note="n")
        before = self.told()
        changed = self.api("PATCH", f"/{self.id}", {"max_downloads": None, "note": ""})
        self.assertEqual(changed.status, 200)
        self.assertEqual(self.told(), {**before, "max_downloads": None, "note": ""})
        self.assertEqual(self.api("PATCH", f"/{self.id}", {}).json["note"], "")
        self.api("PATCH", f"/{self.id}", {"expires": None, "password": None})
        self.assertEqual((self.told()["expires"], self.told()["password"]), (None, False))

    def test_what_stays(self) -> None:
        """What a share is for stays as it was made."""
        self.share()
        for field, value in (
            ("path", "/"),
            ("mode", "upload"),
            ("id", "x"),
            ("downloads", 0),
            ("bytes", 0),
            ("created_by", "x"),
        ):
            answer = self.api("PATCH", f"/{self.id}", {field: value})
            self.assertEqual(answer.status, 400, field)
            self.assertIn(field, answer.json["message"])
        self.assertEqual(self.api("PATCH", f"/{self.id}", {"max_bytes": 1}).status, 400)

    def test_revived(self) -> None:
        """One that has expired can be given more time, by whoever could still make it."""
        address = self.share(expires=10)
        self.house.wall += 11
        self.assertFalse(self.told()["live"])
        self.api("PATCH", f"/{self.id}", {"expires": 60})
        self.assertEqual(self.get(f"{address}/a.txt").status, 200)
        address = self.share(who=self.token(EVERY, b"shared"))
        self.house.keyring.tokens.revoke("ann")
        self.house.clock.advance(1)
        self.assertEqual(self.api("PATCH", f"/{self.id}", {"expires": 60}).json["live"], False)
        self.assertEqual(self.get(f"{address}/a.txt").status, 404)

    def test_expires_in_the_middle(self) -> None:
        """When its time comes, what runs by a share is cut."""
        self.house.put_file("shared/large", b"x" * 5_000_000)
        address = self.share(expires=10)
        self.house.keyring.start()
        channel, wire = self.house.connect()
        channel.dataReceived(f"GET {address}/large HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        channel.transport.producer.pauseProducing()
        self.house.wall += 9
        self.house.clock.advance(1)
        self.assertFalse(wire.aborted)
        self.house.wall += 1
        self.house.clock.advance(1)
        self.assertTrue(wire.aborted)


class Leaving(SharingCase):
    """A client that leaves before the answer."""

    def leave(self, method: str, target: str, **body: Any) -> list[str]:
        """Ask, leave while the database is written, and give the events that are noted."""
        held = HeldThreads()
        restore = self.patch(self.house.share_links.shares, "_threads", held)
        channel, _ = self.house.connect()
        content = json.dumps(body)
        channel.dataReceived(
            f"{method} /api/shares{target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {SECRET}\r\nContent-Length: {len(content)}\r\n\r\n{content}".encode()
        )
        channel.connectionLost(Failure(ConnectionError()))
        held.release_all()
        restore.restore()
        noted, self.house.audit.noted = self.house.audit.noted, []
        return [one["event"] for one in noted]

    def test_noted(self) -> None:
        """What has been done is noted, and known."""
        self.assertEqual(self.leave("POST", "", path="/shared"), ["share"])
        [share] = self.api("GET").json["shares"]
        self.assertEqual(self.leave("PATCH", f"/{share['id']}", note="n"), ["share_changed"])
        self.assertEqual(self.api("GET", f"/{share['id']}").json["note"], "n")
        self.assertEqual(self.leave("DELETE", f"/{share['id']}"), ["share_revoked"])
        self.assertEqual(self.api("GET").json["shares"], [])
        self.assertEqual(self.house.share_links.shares._ended, set())
