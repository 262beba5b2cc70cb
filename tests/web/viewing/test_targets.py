"""Where links and images of stored documents lead."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerstor.tree.paths import TreePath
from peerstor.web.links import Links
from peerstor.web.viewing.targets import Targets, view_address

HOSTILE = (
    *(
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:x",
    ),
    *("//evil.example/x", "ftp://x/", "ws://x", "about:blank", "view-source:x", "tel:1", "a+b:c", "x:y"),
    *("..", "../..", "../../x", "/../x", "a/../../../x", "%2e%2e/%2E%2E/x", "sub/..%2fx", "a%00b", "a%2fb"),
    *(".peerstor/secret", "/.PEERSTOR/x", "%2epeerstor", "sub/../.peerstor", "", "?x"),
)


def targets(*folder: bytes, base: str = "") -> Targets:
    return Targets(TreePath(folder, slash=True), Links(base))


class Leading(SynchronousTestCase):
    def test_relative(self) -> None:
        """A relative link leads on from the document's folder, an absolute one from the top; other documents are shown."""
        for target, address in {
            "x.txt": "/docs/x.txt",
            "./x.txt": "/docs/x.txt",
            "../x.txt": "/x.txt",
            "/x.txt": "/x.txt",
            "sub/": "/docs/sub/",
            "sub/..": "/docs/",
            ".": "/docs/",
            "a b.txt": "/docs/a%20b.txt",
            "a%20b.txt?raw=1": "/docs/a%20b.txt",
            "%C3%BC.txt#Top": "/docs/%C3%BC.txt",
            "other.md": "/-/view/docs/other.md",
            "other.md#A-%C3%9Cber": "/-/view/docs/other.md#md-a-%C3%BCber",
            "#Section": "#md-section",
            "#%zz": "#md-%25zz",
            "/api/x": "/-/tree/api/x",
            "/-/logout": "/-/tree/-/logout",
            "/-/x.md": "/-/view/-/x.md",
            "a\\b": "/docs/a%5Cb",
            "?#x": None,
        }.items():
            self.assertEqual(targets(b"docs").link(target), address, target)

    def test_outside(self) -> None:
        """Pages of the web and addresses of mail are linked as they are; images of elsewhere aren't fetched."""
        for target in ("https://example.org/a?b#c", "http://x", "HTTPS://X/", "mailto:a@b"):
            self.assertEqual(targets().link(target), target)
            self.assertIsNone(targets().image(target), target)

    def test_hostile(self) -> None:
        """Nothing else leads anywhere but to a file of the storage."""
        for target in HOSTILE:
            self.assertIsNone(targets(b"docs").image(target), target)
            if target not in ("..",):
                self.assertIsNone(targets(b"docs").link(target), target)
        self.assertIsNone(targets().link(".."))

    def test_images(self) -> None:
        """An image is a file that lies here, and no folder."""
        self.assertEqual(targets(b"docs").image("../p/a.png#x"), "/p/a.png")
        for target in ("sub/", ".", "..", "/"):
            self.assertIsNone(targets(b"docs").image(target), target)

    def test_base(self) -> None:
        """All addresses stand below the server's base."""
        based = targets(b"docs", base="/sub")
        self.assertEqual(based.link("x.txt"), "/sub/docs/x.txt")
        self.assertEqual(based.link("x.md"), "/sub/-/view/docs/x.md")
        self.assertEqual(based.image("/api/x.png"), "/sub/-/tree/api/x.png")

    def test_part(self) -> None:
        """Of a view of a part of the tree, no link leads out, and none to pages that it doesn't have."""
        part = Targets(TreePath((b"a", b"b", b"c"), slash=True), Links().rooted("/-/s/x", (b"a", b"b")))
        self.assertEqual(part.link("/y.md"), "/-/s/x/y.md")
        self.assertEqual(part.link("../y.txt"), "/-/s/x/y.txt")
        self.assertIsNone(part.link("../../y.txt"))

    @given(
        st.text(max_size=30)
        | st.lists(st.sampled_from(["..", "/", "%2e", ".", "a", ":", "\\", "#", "?", "%"])).map("".join)
    )
    def test_any(self, target: str) -> None:
        """Whatever is linked, the address is one of the web, of mail, of a heading, or of this server, and plain ASCII."""
        found = targets(b"docs").link(target)
        if found is not None and not found.lower().startswith(("http://", "https://", "mailto:")):
            self.assertRegex(found, r"\A[/#][!-~]*\Z")
            self.assertFalse(found.startswith("//"), found)
            self.assertNotIn("/../", found)

    def test_view_address(self) -> None:
        """The page of a file has its whole path, also where the tree's own address needs a prefix."""
        for parts, address in (
            ((b"x.md",), "/-/view/x.md"),
            ((b"-", b"a b"), "/-/view/-/a%20b"),
            ((b"\xff",), "/-/view/%FF"),
        ):
            self.assertEqual(view_address(Links(), TreePath(parts, slash=False)), address)
