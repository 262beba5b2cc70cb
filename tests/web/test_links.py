"""Addresses of entries, and back."""

from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerstor.errors import StartupError
from peerstor.settings import Settings
from peerstor.tree.paths import TreePath
from peerstor.web.links import Links

NAMES = st.one_of(
    st.sampled_from([b"api", b"-", b"-x", b"apix", b"%", b"a b", b"?", b"#", b"\xff", b"tree", b"sub", b"s"]),
    st.binary(min_size=1, max_size=20).filter(
        lambda n: b"/" not in n and b"\0" not in n and n not in (b".", b"..")
    ),
)
BASES = st.sampled_from(["", "/sub", "/api", "/-", "/a/b", "/-/tree", "/f%C3%BCr"])


class Tree(SynchronousTestCase):
    @given(BASES, st.lists(NAMES, max_size=4), st.booleans())
    def test_round_trip(self, base: str, parts: list[bytes], slash: bool) -> None:
        """The link to any entry leads back to it, and never to an address of ours; below the base, where one is."""
        path, links = TreePath(tuple(parts), slash=slash or not parts), Links(base)
        address = links.to(path)
        self.assertTrue(address.startswith(f"{base}/"))
        part = links.tree_part(address.encode())
        assert part is not None
        self.assertEqual(TreePath.from_url(part), path)
        self.assertEqual(Links().tree_part(address.encode()[len(base) :]), part)

    def test_own_addresses(self) -> None:
        """What begins with a segment of ours belongs to no tree, but for the prefix under which it stands again."""
        for base in ("", "/sub", "/api"):
            links = Links(base)
            for raw in ("/api", "/api/", "/api/x", "/-", "/-/", "/-/static/x", "/-/tree", "/-/treex"):
                self.assertIsNone(links.tree_part((base + raw).encode()), raw)
                self.assertEqual(links.own(raw), base + raw)
            for raw, part in (("/", b"/"), ("/apix", b"/apix"), ("/-x", b"/-x"), ("/-/tree/api", b"/api")):
                self.assertEqual(links.tree_part((base + raw).encode()), part)


class Base(SynchronousTestCase):
    def test_inside(self) -> None:
        """The base is known in every spelling of the same address, and nothing beside it."""
        links = Links("/a/f%C3%BCr")
        for raw, rest in (
            (b"/a/f%C3%BCr/x%2Fy", b"/x%2Fy"),
            (b"/%61/f%c3%bcr/", b"/"),
            (b"/a/f%C3%BCr//x", b"//x"),
            (b"/a/f%c3%bcr", b""),
            (b"/a/f%C3%BCr", b""),
            (b"/a/f%C3%BCrx/", None),
            (b"/a%2Ff%C3%BCr/", None),
            (b"//a/f%C3%BCr/", None),
            (b"/a", None),
            (b"/", None),
            (b"*", None),
            (b"", None),
        ):
            with self.subTest(raw=raw):
                self.assertEqual(links.inner(raw), rest)

    def test_none(self) -> None:
        """Without a base every path is inside."""
        for raw in (b"/", b"/a", b"//a", b"/%"):
            self.assertEqual(Links().inner(raw), raw)

    def test_outside(self) -> None:
        """What stands outside of the base is no part of the tree."""
        for raw in (b"/", b"/x", b"/subx", b"/sub", b"/-/tree/x"):
            self.assertIsNone(Links("/sub").tree_part(raw))


class Rooted(SynchronousTestCase):
    @given(BASES, st.lists(NAMES, max_size=2), st.lists(NAMES, max_size=2), st.booleans())
    def test_round_trip(self, base: str, root: list[bytes], rest: list[bytes], slash: bool) -> None:
        """A view's link leads back to the whole path, and tells nothing of what is above its root."""
        links = Links(base).rooted("/-/s/abc", tuple(root))
        path = TreePath((*root, *rest), slash=slash or not rest)
        address = links.to(path)
        joined = "".join(f"/{quote(name, safe='')}" for name in rest)
        self.assertEqual(address, f"{base}/-/s/abc{joined}{'/' if path.slash else ''}")
        part = links.tree_part(address.encode())
        assert part is not None
        self.assertEqual(TreePath.from_url(part), path)
        self.assertEqual(links.seen(path), TreePath(tuple(rest), slash=path.slash))

    def test_outside(self) -> None:
        """A view neither links nor reads what lies beside its root."""
        links = Links("/sub").rooted("/-/s/abc", (b"a", b"b"))
        for parts in ((), (b"a",), (b"a", b"bb"), (b"a", b"c", b"b"), (b"b",)):
            self.assertRaises(ValueError, links.to, TreePath(parts, slash=True))
        for raw in (b"/sub/-/s/abc", b"/sub/-/s/abcd/", b"/sub/a/b/c", b"/sub/-/tree/a/b/", b"/-/s/abc/", b""):
            self.assertIsNone(links.tree_part(raw), raw)

    def test_front(self) -> None:
        """Its top is the mount with a slash; the mount without one is an address of ours, and so are all others."""
        links = Links("/sub").rooted("/-/s/abc", (b"a",))
        self.assertEqual(links.to(links.top), "/sub/-/s/abc/")
        self.assertEqual(links.own("/-/s/abc"), "/sub/-/s/abc")


class Setting(SynchronousTestCase):
    """How --base-path is given."""

    def test_normalised(self) -> None:
        """Slashes at the ends don't matter; text is encoded once, and only where it has to be."""
        for given_, expected in (
            ("sub", "/sub"), ("/sub", "/sub"), ("sub/", "/sub"), ("/sub/", "/sub"), ("/a/b", "/a/b"),
            ("", ""), ("/", ""), ("/für", "/f%C3%BCr"), ("/f%c3%bcr/", "/f%C3%BCr"), ("/%73ub", "/sub"),
            ("~me/x-y_z.1+2", "/~me/x-y_z.1+2"), ("a;b", "/a%3Bb"), ('q"t', "/q%22t"), ("/api", "/api"),
        ):  # fmt: skip
            with self.subTest(given=given_):
                self.assertEqual(Settings(base_path=given_).base_path, expected)
                self.assertEqual(Settings(base_path=expected).base_path, expected)

    def test_refused(self) -> None:
        """What an address can't hold, or a proxy might read in another way, is refused with one line."""
        for given_ in (
            "..", "/a/../b", ".", "/./", "//", "/a//b", "a?b", "a#b", "a b", " a", "a\tb", "a\nb", "a\x7fb", "a\u0085b",
            "a\u00a0b", "%2e%2e", "a%2Fb", "a%20b", "a%00b", "%zz", "a%", "%ff", "\udcff", "a\\b", "a%5Cb", "a%3Fb",
            "http://x/sub",
        ):  # fmt: skip
            with self.subTest(given=given_):
                error = self.assertRaises(StartupError, Settings, base_path=given_)
                self.assertTrue(str(error).startswith("--base-path must be"), str(error))
                self.assertNotIn("\n", str(error))
