"""Media types and names of files in headers."""

from urllib.parse import unquote_to_bytes

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerstor.http.media import UNKNOWN, active, disposition, media_type


class Types(SynchronousTestCase):
    """`media_type` and `active`."""

    def test_by_name(self) -> None:
        """The last suffix decides, in any case; text says that it is UTF-8; a compressed file is what it is."""
        for name, expected in [
            (b"a.txt", "text/plain; charset=utf-8"),
            (b"A.TXT", "text/plain; charset=utf-8"),
            (b"page.html", "text/html; charset=utf-8"),
            (b"app.js", "text/javascript; charset=utf-8"),
            (b"app.mjs", "text/javascript; charset=utf-8"),
            (b"style.css", "text/css; charset=utf-8"),
            (b"data.json", "application/json"),
            (b"image.svg", "image/svg+xml"),
            (b"image.svgz", "application/gzip"),
            (b"photo.jpeg", "image/jpeg"),
            (b"film.mp4", "video/mp4"),
            (b"paper.pdf", "application/pdf"),
            (b"backup.tar", "application/x-tar"),
            (b"backup.tar.gz", "application/gzip"),
            (b"backup.tgz", "application/gzip"),
            (b"page.html.gz", "application/gzip"),
            (b"module.wasm", "application/wasm"),
            (b"README", "text/plain; charset=utf-8"),
            (b"noext", UNKNOWN),
            (b".txt", UNKNOWN),
            (b"a.", UNKNOWN),
            (b"a.unheard-of", UNKNOWN),
            (b"", UNKNOWN),
            (b"\xff\xfe.txt", "text/plain; charset=utf-8"),
            (b"a.\xff\xfe", UNKNOWN),
            ("файл.md".encode(), "text/markdown; charset=utf-8"),
            (b"data:text/html,x", UNKNOWN),
            (b"http://x/y.html?z=.png", "image/png"),
        ]:
            with self.subTest(name=name):
                self.assertEqual(media_type(name), expected)

    def test_what_a_browser_would_run(self) -> None:
        """HTML, SVG, XML and what is made of them; nothing else."""
        for name in (b"a.html", b"a.htm", b"a.xhtml", b"a.xht", b"a.svg", b"a.xml", b"a.xsl", b"a.xslt", b"a.rdf"):
            with self.subTest(name=name):
                self.assertTrue(active(media_type(name)))
        for essence in ("Text/HTML; charset=utf-8", "text/xml", "application/rss+xml", "application/mathml+xml"):
            with self.subTest(essence=essence):
                self.assertTrue(active(essence))
        for name in (b"a.txt", b"a.js", b"a.json", b"a.pdf", b"a.png", b"a"):
            with self.subTest(name=name):
                self.assertFalse(active(media_type(name)))

    @given(st.binary(max_size=30))
    def test_safe_in_a_header(self, name: bytes) -> None:
        """Whatever a file is called, its type is a type."""
        self.assertRegex(media_type(name), r"\A[a-z]+/[a-z0-9.+-]+(; charset=utf-8)?\Z")


class Dispositions(SynchronousTestCase):
    """`disposition`."""

    def test_examples(self) -> None:
        """Old clients get plain ASCII with nothing to escape, others the very name (RFC 6266, appendix D)."""
        for name, expected in [
            (b"plain.txt", b"attachment; filename=\"plain.txt\"; filename*=UTF-8''plain.txt"),
            (b"a b;c.txt", b"attachment; filename=\"a b;c.txt\"; filename*=UTF-8''a%20b%3Bc.txt"),
            (b'q"b\\s%41', b"attachment; filename=\"q_b_s_41\"; filename*=UTF-8''q%22b%5Cs%2541"),
            ("é€.txt".encode(), b"attachment; filename=\"__.txt\"; filename*=UTF-8''%C3%A9%E2%82%AC.txt"),
            (b"a\r\nX: y", b"attachment; filename=\"a__X: y\"; filename*=UTF-8''a%0D%0AX%3A%20y"),
            (b"\xff", b"attachment; filename=\"_\"; filename*=UTF-8''%EF%BF%BD"),
        ]:
            with self.subTest(name=name):
                self.assertEqual(disposition(name), expected)
        self.assertTrue(disposition(b"x", "inline").startswith(b"inline; "))

    @given(st.binary(max_size=60))
    def test_any_bytes(self, name: bytes) -> None:
        """The value is one line of printable ASCII, and holds the name wherever that is UTF-8."""
        value = disposition(name)
        self.assertRegex(value, rb"\A[ -~]*\Z")
        plain, exact = value[len(b'attachment; filename="') :].split(b"\"; filename*=UTF-8''")
        self.assertFalse(set(plain) & set(b'"\\%/'))
        self.assertRegex(exact, rb"\A([A-Za-z0-9!#$&+.^_`|~-]|%[0-9A-F]{2})*\Z")
        self.assertEqual(unquote_to_bytes(exact).decode(), name.decode("utf-8", "replace"))
