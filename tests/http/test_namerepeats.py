"""What is remembered of requests that store files."""

from typing import Any
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from peerstor.http.likeness import LINES_AT_MOST
from peerstor.http.namerepeats import CONTENT_AT_MOST, HEAD_AT_MOST, REMEMBERED, NameRepeats, named

HERE = (False, False)


def putting(target: str = "/d/f.bin", content: bytes = b"content", **headers: str) -> bytes:
    """Write a whole request."""
    fields = {"Host": "a", **headers, "Content-Length": str(len(content)), "Accept": "*/*"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"PUT {target} HTTP/1.1\r\n{lines}\r\n".encode() + content


class NamedTests(SynchronousTestCase):
    """What is understood at a glance."""

    def test_taken_apart(self) -> None:
        """Folder, name, content, and what surrounds them."""
        for target, folder, name in (
            ("/d/f.bin", b"/d/", b"f.bin"),
            ("/f", b"/", b"f"),
            ("/-/tree/%20/a-b_c.D9", b"/-/tree/%20/", b"a-b_c.D9"),
        ):
            raw = putting(target)
            asked = named(raw)
            assert asked is not None
            self.assertEqual((asked.folder, asked.name, raw[asked.at :]), (folder, name, b"content"))
            before, behind = asked.rest
            whole = b"PUT " + folder + name + b" HTTP/1.1\r\n" + before + b"7" + behind + b"\r\n\r\ncontent"
            self.assertEqual(whole, raw)

    def test_largest(self) -> None:
        """As much content as one read of a socket gives."""
        self.assertIsNotNone(named(putting(content=bytes(CONTENT_AT_MOST))))

    def test_length_first(self) -> None:
        """The length may stand in the first line of the header, or in the last."""
        for raw in (
            b"PUT /f HTTP/1.1\r\nContent-Length: 1\r\nHost: a\r\n\r\nx",
            b"PUT /f HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
        ):
            self.assertIsNotNone(named(raw))

    def test_anything_else(self) -> None:
        """Whatever has to be understood: other names, methods, lengths, more or less than one request."""
        fine = putting()
        for raw in (
            b"",
            fine[:-1],
            fine + b"x",
            fine + fine,
            b"\r\n" + fine,
            fine.replace(b"PUT", b"put"),
            fine.replace(b"PUT", b"POST"),
            fine.replace(b"HTTP/1.1", b"HTTP/1.0"),
            fine.replace(b"Content-Length", b"content-length"),
            fine.replace(b"Content-Length: 7", b"Content-Length: 07"),
            fine.replace(b"Content-Length: 7", b"Content-Length: +7"),
            fine.replace(b"Content-Length: 7", b"Content-Length:7"),
            fine.replace(b"Content-Length: 7\r\n", b"Transfer-Encoding: chunked\r\n"),
            fine.replace(b"\r\n", b"\n"),
            putting(content=b""),
            putting("http://a/d/f.bin"),
            putting("/d/"),
            putting("/d/.f"),
            putting("/d/.."),
            putting("/d/f%20"),
            putting("/d/f~"),
            putting("/d/f?x"),
            putting("/d/f?x=/y"),
            putting("/d/f#x"),
            putting("/d /f"),
            putting("/d/" + "f" * 101),
            putting("d/f"),
            putting("*"),
            # The length in the content, not in the head.
            b"PUT /f HTTP/1.1\r\nHost: a\r\n\r\nContent-Length: 1\r\n\r\n",
            putting(Long="x" * HEAD_AT_MOST),
            putting(content=bytes(CONTENT_AT_MOST + 1)),
            putting(**{f"X-{number}": "" for number in range(LINES_AT_MOST)}),
        ):
            self.assertIsNone(named(raw), raw[:80])


class Folder:
    """A source of which the test says what it takes."""

    def __init__(self, name: bytes = b"f.bin") -> None:
        self.name = name
        self.refused = b"api"

    def takes(self, name: bytes) -> bool:
        return name != self.refused

    def store(self, request: Any, name: bytes, content: bytes) -> None:
        raise AssertionError("nobody asks for it here")


class NameRepeatsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.ready = True
        self.kept = NameRepeats(ready=lambda: self.ready)

    def keep(self, raw: bytes, source: Folder | None = None, **told: list[str]) -> None:
        asked = named(raw)
        assert asked is not None
        request = mock.Mock(names=source or Folder(), path=asked.folder + asked.name)
        self.kept.keep(asked, HERE, request, Headers({**told}))

    def found(self, raw: bytes, place: tuple[bool, bool] = HERE) -> bool:
        asked = named(raw)
        assert asked is not None
        return self.kept.find(asked, place) is not None

    def test_name_and_length(self) -> None:
        """They may differ, and nothing else: neither folder nor any header, nor the kind of the connection."""
        self.keep(putting())
        self.assertTrue(self.found(putting("/d/other", b"x" * 5000)))
        for raw in (putting("/f.bin"), putting("/d/e/f.bin"), putting(Host="b"), putting(Cookie="a=b")):
            self.assertFalse(self.found(raw), raw)
        self.assertFalse(self.found(putting(), (True, False)))

    def test_source_refuses(self) -> None:
        """A name that means something else in that place isn't taken for one of its files."""
        self.keep(putting())
        self.assertFalse(self.found(putting("/d/api")))

    def test_not_kept(self) -> None:
        """Neither answers with a cookie, nor those whose file had another name than the target says."""
        self.keep(putting(), **{"Set-Cookie": ["a=b"]})
        self.assertFalse(self.found(putting()))
        self.keep(putting(), Folder(b"other"))
        self.assertFalse(self.found(putting()))

    def test_described(self) -> None:
        """Another request gets the target that is its own, and of the answer's head what isn't each one's own."""
        raw = putting("/base/d/f.bin")
        asked = named(raw)
        assert asked is not None
        request = mock.Mock(names=Folder(), path=b"/d/f.bin", authority=b"a")
        told = {
            "Server": ["x"],
            "Date": ["old"],
            "Location": ["/d/f.bin"],
            "ETag": ['"old"'],
            "Content-Length": ["0"],
        }
        self.kept.keep(asked, HERE, request, Headers(told))
        answer = self.kept.find(asked, HERE)
        assert answer is not None
        other = mock.Mock(responseHeaders=Headers(), request_id="new")
        answer.describe(other, asked.folder, b"other")
        self.assertEqual((other.uri, other.path, other.authority), (b"/base/d/other", b"/d/other", b"a"))
        self.assertEqual({name for name, _ in other.responseHeaders.getAllRawHeaders()}, {b"Server", b"Date"})
        other.setHeader.assert_any_call(b"x-request-id", b"new")

    def test_not_ready(self) -> None:
        """While the rules may have changed nothing is found; it is again afterwards."""
        self.keep(putting())
        self.ready = False
        self.assertFalse(self.found(putting()))
        self.ready = True
        self.assertTrue(self.found(putting()))

    def test_forget(self) -> None:
        """After a change of the rules nothing is left."""
        self.keep(putting())
        self.kept.forget()
        self.assertFalse(self.found(putting()))

    def test_bounded(self) -> None:
        """The least recently used ones make room."""
        for number in range(REMEMBERED):
            self.keep(putting(f"/{number}/f.bin"))
        self.assertTrue(self.found(putting("/0/f.bin")))
        self.keep(putting("/new/f.bin"))
        self.assertTrue(self.found(putting("/0/f.bin")))
        self.assertFalse(self.found(putting("/1/f.bin")))

    def test_decided_anew(self) -> None:
        """One that is decided on anew is as recent as any."""
        for number in [*range(REMEMBERED), 0, REMEMBERED]:
            self.keep(putting(f"/{number}/f.bin"))
        self.assertTrue(self.found(putting("/0/f.bin")))
        self.assertFalse(self.found(putting("/1/f.bin")))
