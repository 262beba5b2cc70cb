"""Names and paths: what they are made of, refused for, and spelled as."""

import re

from hypothesis import assume, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerstor.errors import BadName, BadPath
from peerstor.tree.paths import TreePath, check_new_name, is_private, numbered, quote_name

LEGAL = st.binary(min_size=1, max_size=255).filter(
    lambda name: name not in (b".", b"..") and not re.search(rb"[/\0]", name)
)
LEGAL_TEXT = st.text(min_size=1, max_size=80).map(lambda text: text.encode("utf-8", "ignore"))


class FromUrlTests(SynchronousTestCase):
    """`TreePath.from_url`."""

    @given(st.lists(LEGAL, min_size=1, max_size=4), st.booleans())
    def test_any_legal_name_survives_its_link(self, names: list[bytes], slash: bool) -> None:
        """Whatever bytes a name has, quoting it into a URL and taking that apart gives the same bytes."""
        url = "/" + "/".join(map(quote_name, names)) + ("/" if slash else "")
        self.assertEqual(TreePath.from_url(url.encode("ascii")), TreePath(parts=tuple(names), slash=slash))

    @given(st.binary(max_size=60))
    def test_any_bytes_are_a_path_or_bad(self, raw: bytes) -> None:
        """There is no third outcome, and no part of a path can mean another place."""
        try:
            found = TreePath.from_url(raw)
        except BadPath:
            return
        for part in found.parts:
            self.assertNotIn(part, (b"", b".", b".."))
            self.assertNotRegex(part, rb"[/\0]")

    def test_root(self) -> None:
        """`/` is the root, a folder without parts."""
        self.assertEqual(TreePath.from_url(b"/"), TreePath(parts=(), slash=True))

    def test_decoded_once(self) -> None:
        """An escaped escape stays one."""
        self.assertEqual(TreePath.from_url(b"/a%2525b").parts, (b"a%25b",))
        self.assertEqual(TreePath.from_url(b"/%252e%252e").parts, (b"%2e%2e",))

    def test_unescaped_bytes_are_taken_as_they_are(self) -> None:
        """Clients that do not encode are understood; a plus sign is a plus sign."""
        self.assertEqual(TreePath.from_url(b"/a b+\xe4\\").parts, (b"a b+\xe4\\",))

    def test_hostile(self) -> None:
        """Traversal, NUL, empty segments, decoded slashes and malformed escapes are refused, however written."""
        for raw in (
            b"",
            b"a",
            b"*",
            b"//",
            b"//a",
            b"/a//b",
            b"/a//",
            b"/.",
            b"/..",
            b"/./a",
            b"/a/../b",
            b"/a/..",
            b"/a/./",
            b"/%2e",
            b"/%2e%2E/etc",
            b"/.%2e/etc",
            b"/a%2fb",
            b"/a%2F..%2fb",
            b"/%2f",
            b"/%00",
            b"/a%00.txt",
            b"/a\0",
            b"/%",
            b"/%4",
            b"/%zz",
            b"/%%41",
            b"/a%u0041",
            b"/a/%2e./b/",
        ):
            self.assertRaises(BadPath, TreePath.from_url, raw)

    def test_strange_but_legal(self) -> None:
        """Overlong UTF-8, backslashes, three full stops and newlines are names like any other."""
        for raw, part in (
            (b"/%c0%ae%c0%ae", b"\xc0\xae\xc0\xae"),
            (b"/..%5cetc", b"..\\etc"),
            (b"/...", b"..."),
            (b"/a%0Ab", b"a\nb"),
            (b"/%20", b" "),
            (b"/%e2%80%ae", "\u202e".encode()),
        ):
            self.assertEqual(TreePath.from_url(raw).parts, (part,))


class FromParameterTests(SynchronousTestCase):
    """`TreePath.from_parameter`."""

    def test_slashes_at_the_ends_are_optional(self) -> None:
        """All four spellings name the same folder, and always a folder."""
        for value in (b"a/b", b"/a/b", b"a/b/", b"/a/b/"):
            self.assertEqual(TreePath.from_parameter(value), TreePath(parts=(b"a", b"b"), slash=True))

    def test_root(self) -> None:
        """Nothing and `/` are the root."""
        for value in (b"", b"/"):
            self.assertEqual(TreePath.from_parameter(value), TreePath(parts=(), slash=True))

    def test_not_decoded_again(self) -> None:
        """The value is decoded already; what looks like an escape is part of the name."""
        self.assertEqual(TreePath.from_parameter(b"/50%25%2e%2e").parts, (b"50%25%2e%2e",))

    def test_hostile(self) -> None:
        """The same is refused as in a URL."""
        for value in (b"//", b"///", b"a//b", b"..", b"/../", b"a/../b", b".", b"a/.", b"a\0b", b"//a"):
            self.assertRaises(BadPath, TreePath.from_parameter, value)


class PartsTests(SynchronousTestCase):
    """What can be asked of a path."""

    def test_child_and_parent(self) -> None:
        """A child's parent is the folder that it was made from; the root is its own."""
        root = TreePath.from_url(b"/")
        folder = TreePath.from_url(b"/a/")
        self.assertEqual(root.child(b"a", slash=True), folder)
        self.assertEqual(folder.child(b"b"), TreePath.from_url(b"/a/b"))
        self.assertEqual(TreePath.from_url(b"/a/b").parent, folder)
        self.assertEqual(folder.parent, root)
        self.assertEqual(root.parent, root)

    def test_name_and_joined(self) -> None:
        """The root has no name; joined parts have no slash at either end."""
        self.assertEqual((TreePath.from_url(b"/").name, TreePath.from_url(b"/").joined), (b"", b""))
        path = TreePath.from_url(b"/a/b/")
        self.assertEqual((path.name, path.joined), (b"b", b"a/b"))

    def test_private_anywhere(self) -> None:
        """One private part makes the path private."""
        self.assertTrue(TreePath.from_url(b"/a/.PeerStor-x/b").has_private)
        self.assertFalse(TreePath.from_url(b"/a/peerstor/b").has_private)

    def test_display(self) -> None:
        """People see text, and U+FFFD for what is none."""
        self.assertEqual(TreePath.from_url(b"/%c3%a4/%ff/").display(), "/ä/\ufffd/")
        self.assertEqual(TreePath.from_url(b"/").display(), "/")

    def test_log_form(self) -> None:
        """Controls, bidirectional marks, separators, broken UTF-8 and the backslash itself are escaped."""
        path = TreePath.from_url(b"/a%0A%1b[31m%7f/%c3%a4%ff\\%e2%80%ae%e2%80%a8 x/")
        self.assertEqual(str(path), "/a\\x0a\\x1b[31m\\x7f/ä\\xff\\x5c\\xe2\\x80\\xae\\xe2\\x80\\xa8 x/")
        self.assertEqual(str(TreePath.from_url(b"/")), "/")

    @given(st.lists(LEGAL, max_size=3), st.booleans())
    def test_log_form_is_one_line_and_exact(self, names: list[bytes], slash: bool) -> None:
        """Any path is one printable line, from which its bytes can be told again."""
        line = str(TreePath(parts=tuple(names), slash=slash))
        self.assertTrue(line.isprintable())
        back = re.sub(rb"\\x([0-9a-f]{2})", lambda found: bytes.fromhex(found[1].decode()), line.encode())
        self.assertEqual(back.strip(b"/"), b"/".join(names).strip(b"/"))


class PrivateNameTests(SynchronousTestCase):
    """`is_private`."""

    def test_private(self) -> None:
        """The private folder's name in any case, and whatever begins so."""
        for text in (".peerstor", ".PEERSTOR", ".PeerStor", ".peerstor-1.part", ".peerſtor", ".peerstorage"):
            self.assertTrue(is_private(text.encode()), text)

    def test_open(self) -> None:
        """Other names, other leading dots and broken UTF-8 are not."""
        for name in (b"peerstor", b".peersto", b"..peerstor", b" .peerstor", b"", b".", b".peer\xffstor", b".p"):
            self.assertFalse(is_private(name), name)


class NewNameTests(SynchronousTestCase):
    """`check_new_name`."""

    def test_refused(self) -> None:
        """Names that point elsewhere, hide, exceed 255 bytes or hold controls."""
        for name in (
            b"",
            b".",
            b"..",
            b"a/b",
            b"/",
            b"a\0",
            b"a\n",
            b"\x1b",
            b"\x7f",
            "a\x85".encode(),
            "\x9f".encode(),
            b".peerstor",
            b".PEERSTOR-x",
            b"a" * 256,
            ("ä" * 128).encode(),
        ):
            self.assertRaises(BadName, check_new_name, name)

    def test_taken(self) -> None:
        """Anything else may be given: emoji, right-to-left, quotes, percents, dots, broken UTF-8."""
        for name in ("🦊", "שלום", "a'\"b", "100 %25", ".rc", "...", "a\\b", "a:b", " ", "x" * 255, "\xa0"):
            check_new_name(name.encode())
        check_new_name(b"\x85\xff")


class NumberedTests(SynchronousTestCase):
    """`numbered`."""

    def test_examples(self) -> None:
        """The number goes before the suffix; a leading dot or a sentence's full stop begins none."""
        for name, expected in (
            ("a.txt", "a (2).txt"),
            ("a", "a (2)"),
            ("a.tar.gz", "a (2).tar.gz"),
            ("a.TAR.GZ", "a (2).TAR.GZ"),
            ("a.b.gz", "a.b (2).gz"),
            (".bashrc", ".bashrc (2)"),
            (".config.json", ".config (2).json"),
            (".tar.gz", ".tar (2).gz"),
            ("a.", "a. (2)"),
            ("..", ".. (2)"),
            ("...", "... (2)"),
            ("Mr. Smith", "Mr. Smith (2)"),
            ("a." + "e" * 40, "a." + "e" * 40 + " (2)"),
            ("a (2).txt", "a (2) (2).txt"),
            ("ä.ö", "ä (2).ö"),
        ):
            self.assertEqual(numbered(name.encode(), 2).decode(), expected)

    def test_shortened_between_characters(self) -> None:
        """A stem that must give way is cut before a character, not inside it."""
        for stem in ("ä" * 125, "x" + "ä" * 125, "🦊" * 62, "x" + "🦊" * 62, "xx" + "🦊" * 62, "日" * 83):
            made = numbered(stem.encode() + b".txt", 2)
            self.assertLessEqual(len(made), 255)
            self.assertGreater(len(made), 255 - 4)
            self.assertTrue(made.decode().removesuffix(" (2).txt") in stem)

    @given(LEGAL | LEGAL_TEXT, st.integers(min_value=2, max_value=10**9))
    def test_any_name(self, name: bytes, number: int) -> None:
        """The result is a legal name of at most 255 bytes, text if the name was text, another for each number."""
        assume(b"\0" not in name and b"/" not in name and name not in (b".", b"..") and len(name) <= 255)
        made = numbered(name, number)
        self.assertLessEqual(len(made), 255)
        self.assertIn(b" (%d)" % number, made)
        self.assertNotEqual(made, numbered(name, number + 1))
        self.assertEqual(is_private(made), is_private(name))
        try:
            name.decode()
        except UnicodeDecodeError:
            return
        made.decode()

    def test_no_characters_at_all(self) -> None:
        """Bytes that are no UTF-8 are cut where the room ends."""
        self.assertEqual(numbered(b"\x80" * 255, 2), b"\x80" * 251 + b" (2)")
