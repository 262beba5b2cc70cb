"""The pages that show files."""

import os
import re
from html import escape, unescape
from unittest.mock import patch
from urllib.parse import quote

from peerstor.access.rights import Right
from peerstor.tree import neighbours
from peerstor.web.viewing.kinds import TEXT_AT_MOST
from tests.web.shares.scaffold import OWNER, SharingCase
from tests.web.test_headers import policy
from tests.web.viewing.scaffold import PAGE, ViewingCase, turns

ODD_NAMES = (
    b"plain.txt", b"two  blanks ", "emoji 😀 ü.txt".encode(), "\u202egpj.exe.txt".encode(), b"100% %41 %2F.txt", b"\"d\" 's' `b`.png",
    b"-", b"api", b"<script>alert(1)<&gt;.md", b"a&b=c;d+e?f#g.mp4", b"javascript:x.pdf", b"C:\\win.txt", b"n" * 255, b"line\nfeed\t\x1b.txt",
    b"no UTF-8 \xff\xfe.txt", b"{{ 7*7 }}.txt", b"'onload='x'.svg",
)  # fmt: skip


class Shown(ViewingCase):
    def test_by_kind(self) -> None:
        """Each kind of file is shown by its own means, from its own address."""
        for name, part in {
            "a.png": '<img src="/a.png" alt="a.png">',
            "a.svg": '<img src="/a.svg"',
            "a.mp4": '<video src="/a.mp4" controls',
            "a.mp3": '<audio src="/a.mp3" controls',
            "a.pdf": '<iframe class="shown" src="/a.pdf"',
        }.items():
            self.house.put_file(name, b"content")
            page = self.page(f"/-/view/{name}")
            self.assertIn(part, page)
            self.assertNotIn("<pre", page)
            self.assertIn(f'href="/{name}?download" download', page)

    def test_text(self) -> None:
        """Text, code and stored pages are shown as they are written, and nothing in them means anything."""
        for name in ("a.txt", "b.py", "c.html", "d.unheardof", "e.xml"):
            self.house.put_file(name, b"\n<script>alert('x')</script> {{ 7*7 }}\n\tend \xc3\xbc")
            page = self.page(f"/-/view/{name}")
            self.assertIn(
                "\n\n&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; {{ 7*7 }}\n\tend ü</pre>", page, name
            )

    def test_not_utf8(self) -> None:
        """What isn't UTF-8 in a text is shown as such; a byte order mark isn't shown."""
        self.house.put_file("a.txt", b"\xef\xbb\xbfa\xff\0b")
        self.assertIn(">\na\ufffd\0b</pre>", self.page("/-/view/a.txt"))

    def test_markdown(self) -> None:
        """Markdown is rendered."""
        self.house.put_file("d/a.md", b"# Title\n\n<b>x</b> [on](b.md)")
        page = self.page("/-/view/d/a.md")
        self.assertIn('<h2 id="md-title">Title</h2>', page)
        self.assertIn("&lt;b&gt;x&lt;/b&gt;", page)
        self.assertIn('href="/-/view/d/b.md"', page)

    def test_unfit(self) -> None:
        """Markdown that would take too long is shown as it is written."""
        self.house.put_file("a.md", b">" * 10_000 + b"<b>")
        page = self.page("/-/view/a.md")
        self.assertIn("too intricate", page)
        self.assertIn("&gt;&lt;b&gt;</pre>", page)

    def test_download_only(self) -> None:
        """Everything else, and what is too long, is offered to download, and nothing of it is read."""
        self.house.put_file("a.zip", b"PK")
        self.house.put_file("b.unheardof", b"\x7fELF\0\1")
        self.house.put_file("empty.unheardof", b"")
        for name in ("long.txt", "long.md", "long.unheardof"):
            self.house.put_file(name, b"x" * (TEXT_AT_MOST + 1))
        for name in ("a.zip", "b.unheardof", "empty.unheardof", "long.txt", "long.md", "long.unheardof"):
            page = self.page(f"/-/view/{name}")
            self.assertIn("can't be shown", page, name)
            self.assertIn(f'href="/{name}?download"', page)
            self.assertLess(len(page), 10_000)

    def test_longest(self) -> None:
        """Text is shown up to 1 MiB."""
        self.house.put_file("a.txt", b"x" * TEXT_AT_MOST)
        self.assertIn("x" * TEXT_AT_MOST, self.page("/-/view/a.txt"))

    def test_folder(self) -> None:
        """A folder has its listing."""
        self.house.put_file("d/a")
        for target, to in (("/-/view/d", "/d/"), ("/-/view/d/", "/d/"), ("/-/view/", "/")):
            answer = self.look(target)
            self.assertEqual((answer.status, answer.headers["location"]), (303, to))
        self.house.put_file("-/a")
        self.assertEqual(self.look("/-/view/-").headers["location"], "/-/tree/-/")

    def test_odd_names(self) -> None:
        """Whatever a file is called, its page shows it, says its name, and leads to its bytes and to the next one."""
        for name in ODD_NAMES:
            self.house.put_file(b"d/" + name, b"content of it")
        found, target = [], "/-/view/d/" + quote(sorted(ODD_NAMES, key=neighbours.name_order)[0], safe="")
        while target:
            page = self.page(target)
            address = re.findall(r'href="([^"]+)\?download"', page)[0]
            self.assertEqual(self.house.get(unescape(address)).body, b"content of it")
            self.assertNotIn("<script>", page)
            self.assertNotIn("\u202e", page)
            self.assertNotRegex(page, r"(?:href|src)=.?javascript:")
            found.append(address)
            target = turns(page).get("next", "")
        self.assertEqual(len(found), len(ODD_NAMES))

    def test_title(self) -> None:
        """The name stands in the title and as the one first heading, as text."""
        self.house.put_file(b"<i>&.txt")
        page = self.page("/-/view/" + quote("<i>&.txt"))
        self.assertIn(f"<title>{escape('<i>&.txt')} – PeerStor</title>", page)
        self.assertEqual(re.findall(r"<h1>.*</h1>", page), [f"<h1><bdi>{escape('<i>&.txt')}</bdi></h1>"])

    def test_policy(self) -> None:
        """Such a page may play and frame what is stored here, and nothing more than others."""
        self.house.put_file("a.txt", b"x")
        for target in ("/-/view/a.txt", "/"):
            found = policy(self.look(target))
            self.assertEqual((found["media-src"], found["frame-src"]), ("'self'", "'self'"))
            for directive in ("default-src", "object-src", "base-uri", "frame-ancestors"):
                self.assertEqual(found[directive], "'none'")
            self.assertEqual((found["script-src"], found["style-src"]), ("'self'", "'self'"))
        self.assertNotIn("frame-src", policy(self.look("/-/login")))

    def test_absent(self) -> None:
        """What isn't there, and what no path can name, has no page; nor has anything that is no file."""
        self.house.put_file("a.txt", b"x")
        os.mkfifo(self.house.path("fifo"))
        os.symlink("/etc/passwd", self.house.path("out.txt"))
        for target, status in {
            "nothing.txt": 404, "a.txt/": 404, "fifo": 404, "out.txt": 404, ".peerstor/instance": 404, "a.txt/x": 404,
            "%00": 400, "..": 400, "a%2f": 400, "%zz": 400, "/a.txt": 400,
        }.items():  # fmt: skip
            self.assertEqual(self.look(f"/-/view/{target}").status, status, target)
        self.assertEqual(self.house.ask("POST", "/-/view/a.txt", b"").status, 405)


class Turning(ViewingCase):
    def test_beside(self) -> None:
        """The links lead to the files before and behind it, past folders."""
        for name in ("b.txt", "a.txt", "d.png"):
            self.house.put_file(name)
        self.house.put_file("c/file")
        self.assertEqual(turns(self.page("/-/view/a.txt")), {"next": "/-/view/b.txt"})
        self.assertEqual(turns(self.page("/-/view/b.txt")), {"prev": "/-/view/a.txt", "next": "/-/view/d.png"})
        self.assertEqual(turns(self.page("/-/view/c/file")), {})

    def test_large_folder(self) -> None:
        """Of a folder that is too large, no others are told; the file is shown all the same."""
        for name in ("a.txt", "b.txt"):
            self.house.put_file(name)
        with patch.object(neighbours, "LOOK_AT_MOST", 1):
            self.assertEqual(turns(self.page("/-/view/a.txt")), {})


class Rights(SharingCase):
    def test_reading(self) -> None:
        """Who may not read a file doesn't learn whether it is there; who may read it alone doesn't see what is beside it."""
        self.house.put_file("shared/c.txt", b"third")
        file = self.token(Right.READ, b"shared", b"a.txt", name="file")
        page = self.house.ask("GET", "/-/view/shared/a.txt", headers={**PAGE, **file})
        self.assertEqual(page.status, 200)
        self.assertIn(b"0123456789", page.body)
        self.assertNotIn(b"c.txt", page.body)
        self.assertNotIn(b'href="/shared/"', page.body)
        for target in ("/-/view/canary.txt", "/-/view/nothing.txt", "/-/view/shared/c.txt"):
            self.assertEqual(self.house.ask("GET", target, headers={**PAGE, **file}).status, 404, target)

    def test_within(self) -> None:
        """A link that leads out of what somebody may read isn't followed, not for the file nor for its neighbours."""
        os.symlink("../canary.txt", self.house.path("shared", "a link.txt"))
        reader = self.token(Right.READ, b"shared")
        for name in ("peep", "a link.txt", "out/canary.txt"):
            answer = self.house.ask("GET", "/-/view/shared/" + quote(name), headers={**PAGE, **reader})
            self.assertEqual(answer.status, 404, name)
        page = self.house.ask("GET", "/-/view/shared/a.txt", headers={**PAGE, **reader}).body.decode()
        self.assertEqual(turns(page), {})
        self.assertEqual(turns(self.house.ask("GET", "/-/view/shared/a.txt", headers={**PAGE, **OWNER}).body.decode()), {
            "prev": "/-/view/shared/a%20link.txt", "next": "/-/view/shared/peep",
        })  # fmt: skip

    def test_create_only(self) -> None:
        """Who may only add files sees none."""
        adder = self.token(Right.CREATE, b"shared")
        self.assertEqual(self.house.ask("GET", "/-/view/shared/a.txt", headers={**PAGE, **adder}).status, 404)

    def test_shares(self) -> None:
        """A share link opens no such page, and its listing leads to none: what is shown there would go uncounted."""
        self.house.put_file("shared/README.md", b"# Told to members")
        address = self.share("/shared")
        listing = self.get(f"{address}/", PAGE)
        self.assertEqual(listing.status, 200)
        for telltale in (b"/-/view", b"/-/qr", b"preview", b"Told to members"):
            self.assertNotIn(telltale, listing.body)
        self.assertNotIn("frame-src", policy(listing))
        cookie = self.cookie(listing)
        self.assertIn(self.get("/-/view/shared/a.txt", cookie).status, (401, 403))
        self.assertEqual(self.get(f"{address}/-/view/a.txt", cookie).status, 404)

    def test_shared_alone(self) -> None:
        """The page of a shared picture shows it, which counts as a download; not where downloads are limited."""
        for name, shown in (("p.png", True), ("d.pdf", True), ("t.md", False), ("p.html", False)):
            self.house.put_file(f"shared/{name}", b"content")
            address = self.share(f"/shared/{name}")
            page = self.get(address, PAGE)
            source = f'src="{address}/{name}"'
            self.assertEqual(source in page.body.decode(), shown, name)
            self.assertEqual("frame-src" in policy(page), shown, name)
            self.assertEqual(self.told()["downloads"], 0)
            self.assertEqual(self.get(f"{address}/{name}", self.cookie(page)).body, b"content")
            self.assertEqual(self.told()["downloads"], 1)
            limited = self.share(f"/shared/{name}", max_downloads=1)
            self.assertNotIn(b'src="' + limited.encode(), self.get(limited, PAGE).body)

    def test_ways_in(self) -> None:
        """Without a script, the page of an entry leads to it; for who may only look, the listing itself does."""
        entry = self.house.ask("GET", "/-/entry?path=/shared/a.txt", headers={**PAGE, **OWNER}).body
        self.assertIn(b'href="/-/view/shared/a.txt">Preview<', entry)
        listing = self.house.ask("GET", "/shared/", headers={**PAGE, **self.token(Right.READ)}).body
        self.assertIn(b'href="/-/view/shared/a.txt"', listing)
        self.assertIn(b'href="/-/view/shared/sub/"', listing)
