"""A folder's README stands below its listing."""

import os
import re
from html import unescape
from unittest.mock import patch

from peerstor.access.rights import Right
from peerstor.web.viewing import readmes
from tests.web.shares.scaffold import SharingCase
from tests.web.viewing.scaffold import PAGE, ViewingCase

SECTION = '<section class="readme"'


class Below(ViewingCase):
    def test_shown(self) -> None:
        """It is rendered below the entries, its links leading on from the folder."""
        self.house.put_file("d/README.md", b"# Hello\n\n[more](more.md) <script>x</script>")
        page = self.page("/d/")
        self.assertGreater(page.index(SECTION), page.index("</table>"))
        self.assertIn('<h2 id="md-hello">Hello</h2>', page)
        self.assertIn('href="/-/view/d/more.md"', page)
        self.assertIn("&lt;script&gt;", page)
        self.house.put_file("api/README.md", b"![x](x.png)")
        self.assertIn('<img src="/-/tree/api/x.png"', self.page("/-/tree/api/"))

    def test_names(self) -> None:
        """It goes by a few names, the first of which wins; others are files like any other."""
        self.house.put_file("a/readme.markdown", b"small")
        self.house.put_file("b/readme.md", b"small")
        self.house.put_file("b/README.md", b"GREAT")
        self.house.put_file("c/READ ME.md", b"small")
        os.makedirs(self.house.path("d", "README.md"))
        self.assertIn("<p>small</p>", self.page("/a/"))
        self.assertIn("<p>GREAT</p>", self.page("/b/"))
        self.assertNotIn("<p>small</p>", self.page("/b/"))
        for folder in ("/c/", "/d/"):
            self.assertNotIn(SECTION, self.page(folder))

    def test_only_on_the_first_page(self) -> None:
        """It is found wherever in the folder it stands, and shown once."""
        for number in range(5):
            self.house.put_file(f"{number}")
        self.house.put_file("README.md", b"# Hello")
        self.assertIn("Hello", self.page("/?limit=2"))
        self.assertIn("Hello", self.page("/?limit=2&sort=size"))
        following = re.search(r'rel="next" href="([^"]+)"', self.page("/?limit=2"))
        assert following is not None
        self.assertNotIn("Hello", self.page("/" + unescape(following[1])))

    def test_programs(self) -> None:
        """Programs are told of files alone."""
        self.house.put_file("README.md", b"# Hello")
        for accept in ("application/json", "text/plain"):
            self.assertNotIn(b"Hello", self.house.get("/", Accept=accept).body)

    def test_long(self) -> None:
        """One that is too long, or too intricate, is only linked."""
        for content in (b"x" * (readmes.AT_MOST + 1), b">" * 10_000):
            self.house.put_file("README.md", content)
            page = self.page("/")
            self.assertIn('<a href="/-/view/README.md">Read it</a>', page)
            self.assertNotIn("xxxxx", page)

    def test_unreadable(self) -> None:
        """One that can't be read, or leads out of the storage, doesn't keep the listing from being shown."""
        os.symlink("/etc/passwd", self.house.path("README.md"))
        self.house.put_file("x")
        self.assertNotIn(SECTION, self.page("/"))
        with patch.object(readmes, "read_whole", side_effect=readmes.NotFound):
            self.house.put_file("d/README.md")
            self.assertNotIn(SECTION, self.page("/d/"))

    def test_link(self) -> None:
        """One that is a link within the storage is shown."""
        self.house.put_file("docs/intro.md", b"# Hello")
        os.symlink("docs/intro.md", self.house.path("README.md"))
        self.assertIn("Hello", self.page("/"))

    def test_changes(self) -> None:
        """What is written to it shows at the next look, also where listings are kept."""
        self.house.put_file("README.md", b"# One")
        for number in range(5):
            self.house.put_file(f"a{number}")
        for target in ("/", "/?limit=2"):
            for words in ("One", "Two", "Six"):
                self.house.put_file("README.md", b"# " + words.encode())
                for _ in range(3):
                    self.assertIn(words, self.page(target), (target, words))


class Rights(SharingCase):
    def test_within(self) -> None:
        """A link that leads out of what somebody may read isn't followed for them."""
        self.house.put_file("secret.md", b"# canary")
        os.symlink("../secret.md", self.house.path("shared", "README.md"))
        reader = self.token(Right.READ, b"shared")
        for _ in range(3):
            page = self.house.ask("GET", "/shared/", headers={**PAGE, **reader})
            self.assertEqual(page.status, 200)
            self.assertNotIn(b"canary", page.body)

    def test_adding(self) -> None:
        """Who may only add files isn't shown it."""
        self.house.put_file("shared/README.md", b"# canary")
        page = self.house.ask("GET", "/shared/", headers={**PAGE, **self.token(Right.CREATE, b"shared")})
        self.assertNotIn(b"canary", page.body)
