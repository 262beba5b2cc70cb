"""What whoever listens is told of folders: that they changed, and nothing else."""

import json
import os
from typing import Any
from unittest.mock import patch

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from peerstor.access.rights import Right
from peerstor.errors import StorageUnavailable
from peerstor.tree import following
from peerstor.web.eventstream import BEAT, EACH, RETRY
from tests.fakes import HeldThreads
from tests.web.house import Answer, House
from tests.web.shares.scaffold import OWNER, SECRET, bearer

JSON = {"Accept": "application/json"}


class Listener:
    """A client that listens, over a connection of its own."""

    def __init__(self, house: House, query: str = "path=/", method: str = "GET", **headers: str) -> None:
        self.house = house
        fields = {"Host": "localhost", "Accept": "text/event-stream", **headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.channel, self.wire = house.connect()
        self.channel.dataReceived(f"{method} /api/events?{query} HTTP/1.1\r\n{lines}\r\n".encode())
        house.settle()
        self._read = 0

    @property
    def head(self) -> str:
        """What came before the events, in small letters."""
        return self.wire.value().partition(b"\r\n\r\n")[0].decode().lower()

    @property
    def status(self) -> int:
        """Of the answer."""
        return int(self.head.split()[1])

    @property
    def ended(self) -> bool:
        """Whether the answer has come to its end, or was cut."""
        return self.wire.value().endswith(b"0\r\n\r\n") or self.wire.aborted

    def raw(self) -> bytes:
        """All that came behind the head."""
        return self.wire.value().partition(b"\r\n\r\n")[2]

    def news(self) -> list[tuple[str, str | None]]:
        """Give the folders and versions of the events that weren't read yet."""
        fresh, self._read = self.raw()[self._read :], len(self.raw())
        found = [json.loads(line[6:]) for line in fresh.split(b"\n") if line.startswith(b'data: {"')]
        return [(one["path"], one["version"]) for one in found]

    def wait(self, seconds: float = 1.0) -> list[tuple[str, str | None]]:
        """Let time pass, and read what comes."""
        for _ in range(int(seconds * 4)):
            self.house.clock.advance(0.25)
        return self.news()

    def leave(self) -> None:
        """Close the connection."""
        if not self.wire.disconnected:
            self.wire.disconnected = True
            if self.wire.producer is not None:
                self.wire.producer.stopProducing()
            self.channel.connectionLost(Failure(ConnectionError()))


class EventsCase(SynchronousTestCase):
    settings: dict[str, Any] = {"anonymous": "full"}  # noqa: RUF012 - read only

    def setUp(self) -> None:
        self.house = House(**self.settings)
        self.addCleanup(self.house.close)
        self.house.put_file("docs/a.txt")
        self.house.put_file("docs/sub/b.txt")
        os.mkdir(self.house.path("other"))

    def listen(self, query: str = "path=/docs/", **headers: str) -> Listener:
        """Listen until the end of the test."""
        listener = Listener(self.house, query, **headers)
        self.addCleanup(listener.leave)
        return listener

    def told(self, query: str = "path=/docs/", **headers: str) -> Answer:
        """Ask for versions."""
        return self.house.ask("GET", f"/api/events?{query}", headers={**JSON, **headers})


class EventsTests(EventsCase):
    def test_stream(self) -> None:
        """A stream is kept nor changed by anybody on the way, and begins with the present version."""
        listener = self.listen()
        self.assertEqual(listener.status, 200)
        for line in (
            "content-type: text/event-stream",
            "cache-control: no-store, no-transform",
            "x-accel-buffering: no",
            "transfer-encoding: chunked",
        ):
            self.assertIn(line, listener.head)
        self.assertNotIn("content-encoding", listener.head)
        self.assertIn(b"retry: %d\n\n" % RETRY, listener.raw())
        [(path, version)] = listener.news()
        self.assertEqual((path, version), ("/docs/", self.told().json["folders"][0]["version"]))
        self.assertFalse(listener.ended)

    def test_whoever_changes_it(self) -> None:
        """Every way of changing what a folder lists is told, each as another version; none of another folder."""
        listener = self.listen()
        [(_, before)] = listener.news()
        listener.wait(2)
        ways = {
            "put": lambda: self.house.ask("PUT", "/docs/new", b"x"),
            "replace": lambda: self.house.ask("PUT", "/docs/new", b"xy"),
            "move": lambda: self.house.ask("POST", "/api/move?from=/docs/new&to=/docs/newer", b""),
            "move away": lambda: self.house.ask("POST", "/api/move?from=/docs/newer&to=/other/newer", b""),
            "copy": lambda: self.house.ask("POST", "/api/copy?from=/other/newer&to=/docs/copied", b""),
            "folder": lambda: self.house.ask("POST", "/api/folder?path=/docs/folder", b""),
            "delete": lambda: self.house.ask("DELETE", "/docs/folder/"),
            "behind our back": lambda: self.house.put_file("docs/strange"),
            "in place": lambda: self.house.put_file("docs/strange", b"longer than before"),
        }
        versions = [before]
        for name, way in ways.items():
            way()
            news = listener.wait(2)
            self.assertEqual([path for path, _ in news], ["/docs/"], name)
            versions.append(news[0][1])
        self.assertEqual(len(set(versions)), len(versions))
        self.house.ask("PUT", "/other/new", b"x")
        self.house.ask("PUT", "/docs/sub/new", b"x")
        self.assertEqual(listener.wait(5), [])

    def test_at_once(self) -> None:
        """What the server itself changes is told without a wait."""
        listener = self.listen()
        listener.wait(2)
        self.house.ask("PUT", "/docs/new", b"x")
        self.assertEqual(len(listener.news()), 1)

    def test_page_tells_the_version(self) -> None:
        """The page of a folder is in the version that a stream begins with: what comes between is noticed."""
        page = self.house.get("/docs/", Accept="text/html").body.decode()
        [(_, version)] = self.listen().news()
        self.assertIn(f'data-version="{version}"', page)
        self.house.put_file("docs/new")
        [(_, version)] = self.listen().news()
        self.assertNotIn(f'data-version="{version}"', page)

    def test_nothing_but_versions(self) -> None:
        """No event holds a name, or anything that changes with the private folder."""
        listener = self.listen("path=/")
        listener.wait(2)
        self.house.ask("PUT", "/secret-name.txt", b"x")
        self.house.ask("DELETE", "/secret-name.txt")
        listener.wait(2)
        self.assertNotIn(b"secret-name", listener.raw())
        with open(self.house.path(".peerstor", "parts", "x"), "wb"):
            pass
        self.assertEqual(listener.wait(5), [])

    def test_folder_that_goes(self) -> None:
        """A folder that has gone has no version; one that is back has one again."""
        listener = self.listen()
        listener.wait(2)
        self.house.ask("POST", "/api/move?from=/docs&to=/moved", b"")
        self.assertEqual(listener.wait(1), [("/docs/", None)])
        self.house.ask("POST", "/api/move?from=/moved&to=/docs", b"")
        [(path, version)] = listener.wait(4)
        self.assertEqual(path, "/docs/")
        self.assertIsNotNone(version)

    def test_several(self) -> None:
        """One stream tells of several folders; one that isn't there has no version, and doesn't end it."""
        listener = self.listen("path=/docs/&path=/nothing/&path=/other&path=/docs")
        self.assertEqual([path for path, _ in listener.news()], ["/docs/", "/nothing/", "/other/"])
        listener.wait(2)
        self.house.ask("PUT", "/other/new", b"x")
        self.assertEqual([path for path, _ in listener.news()], ["/other/"])

    def test_odd_names(self) -> None:
        """A path is spelled as in addresses, whatever bytes its name has."""
        os.mkdir(self.house.path(b"\xff ?%"))
        self.assertEqual([path for path, _ in self.listen("path=%2F%FF%20%3F%25").news()], ["/%FF%20%3F%25/"])

    def test_beat(self) -> None:
        """A stream gives signs of life, which are no news."""
        listener = self.listen()
        listener.news()
        self.assertEqual(listener.wait(3 * BEAT + 1), [])
        self.assertEqual(listener.raw().count(b": alive\nevent: beat\n"), 3)

    def test_refused(self) -> None:
        """What can't be listed, or isn't named, is answered as ever."""
        for query, status in {
            "": 400,
            "path=": 200,
            "path=/nothing/": 404,
            "path=/docs/a.txt": 404,
            "path=/.peerstor/": 404,
            "path=/..%2f": 400,
            "path=/docs%00": 400,
            "&".join(f"path=/{number}" for number in range(17)): 400,
        }.items():
            self.assertEqual(self.listen(query).status, status, query)
            self.assertEqual(self.told(query).status, status, query)
        self.assertEqual(self.house.counts.streams, 1)

    def test_head(self) -> None:
        """HEAD tells what GET would, and holds nothing."""
        answer = self.house.ask("HEAD", "/api/events?path=/docs/", headers={"Accept": "text/event-stream"})
        self.assertEqual((answer.status, answer.headers["content-type"]), (200, "text/event-stream"))
        self.assertEqual(answer.body, b"")
        self.assertEqual(self.house.ask("HEAD", "/api/events?path=/nothing/").status, 404)
        self.assertEqual(self.house.counts.streams, 0)


class AskingTests(EventsCase):
    def test_versions(self) -> None:
        """Whoever can't listen asks, and hears nothing while nothing has changed."""
        first = self.told("path=/docs/&path=/nothing/")
        docs, nothing = first.json["folders"]
        self.assertEqual((docs["path"], nothing), ("/docs/", {"path": "/nothing/", "version": None}))
        self.assertEqual(first.headers["cache-control"], "no-cache")
        again = {"If-None-Match": first.headers["etag"]}
        same = self.told("path=/docs/&path=/nothing/", **again)
        self.assertEqual((same.status, same.body), (304, b""))
        self.house.put_file("docs/new")
        changed = self.told("path=/docs/&path=/nothing/", **again)
        self.assertEqual(changed.status, 200)
        self.assertNotEqual(changed.json["folders"][0]["version"], docs["version"])

    def test_recent(self) -> None:
        """A folder that has changed this moment is said to be in a version of its own, so that it is looked at again."""
        self.house.wall = os.stat(self.house.path("docs")).st_mtime + 1
        fresh = self.told().json["folders"][0]["version"]
        self.house.wall += 60
        self.assertEqual(fresh, self.told().json["folders"][0]["version"] + "~")

    def test_disk_that_fails(self) -> None:
        """A disk that doesn't answer is 503, as for a listing."""
        with patch.object(self.house.sandbox, "folder", side_effect=StorageUnavailable):
            self.assertEqual(self.told().status, 503)
            self.assertEqual(self.listen().status, 503)


class BoundsTests(EventsCase):
    def test_each(self) -> None:
        """One client has so many streams and no more; with those of another, or one less, it goes on."""
        listeners = [self.listen() for _ in range(EACH)]
        refused = self.listen()
        self.assertEqual(refused.status, 429)
        self.assertIn("retry-after: ", refused.head)
        self.assertIn(b'"too_many"', refused.raw())
        self.assertEqual(self.told().status, 200, "who can't listen can ask")
        listeners.pop().leave()
        self.assertEqual(self.listen().status, 200)
        self.assertEqual(self.house.counts.streams, EACH)

    def test_all(self) -> None:
        """All clients together have no more than there is room for, whether the streams run out or the folders."""
        with patch.object(self.house.streams, "_most", 1):
            self.listen()
            self.assertEqual(self.listen().status, 503)
        with patch.object(following, "FOLDERS", 1):
            refused = self.listen("path=/other")
            self.assertEqual(refused.status, 503)
            self.assertIn(b'"overloaded"', refused.raw())
        self.assertEqual(self.house.counts.streams, 1)

    def test_who_does_not_read(self) -> None:
        """For a client that takes nothing, one event waits however much happens; it is told the last."""
        listener = self.listen()
        listener.wait(2)
        listener.channel.pauseProducing()
        before = len(listener.raw())
        for number in range(200):
            self.house.ask("PUT", f"/docs/{number}", b"x")
            self.house.clock.advance(0.1)
        listener.wait(2 * BEAT)
        self.assertEqual(len(listener.raw()), before)
        listener.channel.resumeProducing()
        [(path, version)] = listener.news()
        self.assertEqual((path, version), ("/docs/", self.told().json["folders"][0]["version"]))

    def test_nothing_left(self) -> None:
        """When the last has left, nothing is followed, counted or timed for them any more."""
        first, second = self.listen(), self.listen("path=/other")
        self.assertEqual(self.house.get("/-/metrics").status, 403)
        first.leave()
        second.leave()
        self.house.settle()
        self.assertEqual(self.house.counts.streams, 0)
        self.assertEqual(self.house.following._folders, {})
        self.assertEqual(self.house.streams._open, set())
        self.assertEqual([call for call in self.house.clock.getDelayedCalls() if call.active()], [])

    def test_half_closed(self) -> None:
        """A client that closes its side has left, though any other answer would go on."""
        listener = self.listen()
        listener.channel.readConnectionLost()
        self.assertTrue(listener.wire.aborted)

    def test_leaves_at_once(self) -> None:
        """Who leaves before the folder was looked at leaves nothing behind."""
        held = HeldThreads()
        with patch.object(self.house.following, "_threads", held):
            listener = self.listen()
            listener.leave()
            held.release_all()
        self.assertEqual((self.house.counts.streams, self.house.following._folders), (0, {}))

    def test_stopping(self) -> None:
        """A server that stops ends all streams in good order, and begins none."""
        listeners = [self.listen() for _ in range(3)]
        self.house.streams.close()
        self.assertTrue(all(listener.raw().endswith(b"0\r\n\r\n") for listener in listeners))
        self.assertEqual(self.listen().status, 503)
        self.house.site.begin_stopping()
        self.assertTrue(all(listener.wire.disconnecting for listener in listeners))


class RightsTests(EventsCase):
    settings = {"token": SECRET, "anonymous": "none"}  # noqa: RUF012 - read only

    def token(self, name: str, rights: Right, *parts: bytes, expires: float | None = None) -> dict[str, str]:
        """Make a named token."""
        secret = self.house.keyring.tokens.add(name, rights, parts, expires)
        self.house.clock.advance(1)
        return bearer(secret)

    def test_who_may_listen(self) -> None:
        """The right to list a folder decides, for each of them."""
        reader, writer = self.token("r", Right.READ, b"docs"), self.token("w", Right.CREATE, b"docs")
        for headers, query, status in (
            ({}, "path=/docs/", 401),
            (bearer("wrong"), "path=/docs/", 401),
            (writer, "path=/docs/", 404),
            (reader, "path=/docs/", 200),
            (reader, "path=/docs/sub", 200),
            (reader, "path=/", 404),
            (reader, "path=/other", 404),
            (OWNER, "path=/", 200),
        ):
            self.assertEqual(self.listen(query, **headers).status, status, (headers, query))
        self.assertEqual(self.told("path=/docs&path=/other", **reader).json["folders"][1]["version"], None)
        self.assertEqual(
            [version is None for _, version in self.listen("path=/docs&path=/other", **reader).news()],
            [False, True],
        )

    def test_revoked(self) -> None:
        """A stream ends as soon as its token is revoked or has expired, or its session was ended."""
        self.house.keyring.start()
        self.addCleanup(lambda: self.successResultOf(self.ended()))
        revoked = self.token("revoked", Right.READ)
        expiring = self.token("expiring", Right.READ, expires=self.house.wall + 100)
        listeners = [self.listen(**headers) for headers in (revoked, expiring, OWNER)]
        self.house.keyring.tokens.revoke("revoked")
        self.house.keyring.changed()  # as it finds out by itself where a command did so
        self.assertEqual([listener.ended for listener in listeners], [True, False, False])
        self.house.wall += 101
        self.house.clock.advance(1)
        self.assertEqual([listener.ended for listener in listeners], [True, True, False])
        listeners[0].news()
        self.house.put_file("docs/new")
        self.assertEqual(listeners[0].wait(5), [])
        self.assertEqual(self.house.counts.streams, 1)

    def ended(self) -> Any:
        """Stop the keyring."""
        return Deferred.fromCoroutine(self.house.keyring.stop())

    def test_signed_out(self) -> None:
        """Signing out in one tab ends the stream of the browser."""
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        signed = self.house.ask("POST", "/-/login", f"token={SECRET}".encode(), form)
        cookie = {"Cookie": signed.headers["set-cookie"].partition(";")[0]}
        listener = self.listen(**cookie)
        self.assertEqual((listener.status, listener.ended), (200, False))
        self.house.ask("POST", "/-/logout", b"", cookie)
        self.assertTrue(listener.ended)

    def test_listening_is_no_use(self) -> None:
        """A stream that goes on doesn't keep a session from ending for want of use."""
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        signed = self.house.ask("POST", "/-/login", f"token={SECRET}".encode(), form)
        listener = self.listen(Cookie=signed.headers["set-cookie"].partition(";")[0])
        self.house.wall += 31 * 86400
        self.house.clock.advance(BEAT)
        self.assertTrue(listener.ended)

    def test_no_window_of_the_browser(self) -> None:
        """Who isn't signed in any more is asked by the page, never by the browser's own window."""
        for query in ("path=/docs/", "path=/"):
            self.assertNotIn("basic", self.listen(query).head)
        self.assertEqual(self.told().headers["www-authenticate"], 'Bearer realm="PeerStor"')


class OpenServerTests(EventsCase):
    def change(self, **settings: Any) -> None:
        """Let other settings hold."""
        self.house.live.change(evolve(self.house.live.now, **settings))

    def test_closed_meanwhile(self) -> None:
        """Where everybody might listen, streams end as soon as that isn't so any more."""
        listener = self.listen()
        self.change(anonymous="read")
        self.assertTrue(listener.ended, "other rights are asked for anew")
        listener = self.listen()
        self.change(anonymous="none")
        self.assertTrue(listener.ended)
        self.assertEqual(self.listen().status, 403)

    def test_first_token(self) -> None:
        """The first token closes the server, and ends the streams of those who have none."""
        self.change(anonymous=None)
        listener = self.listen()
        self.house.keyring.tokens.add("first", Right.READ, (), None)
        self.house.clock.advance(BEAT)
        self.assertTrue(listener.ended)

    def test_before_each_event(self) -> None:
        """Whether somebody may still listen is asked before each event."""
        self.change(anonymous=None)
        listener = self.listen()
        listener.wait(2)
        self.house.keyring.tokens.add("first", Right.READ, (), None)
        self.house.put_file("docs/new")
        self.assertEqual(listener.wait(1), [])
        self.assertTrue(listener.ended)
