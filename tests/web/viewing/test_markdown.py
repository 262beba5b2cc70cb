"""Markdown as HTML that can do nothing."""

import contextlib
import re
import time
from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerstor.tree.paths import TreePath
from peerstor.web.links import Links
from peerstor.web.viewing.markdown import DEEPEST, LONGEST, Unfit, render
from peerstor.web.viewing.targets import Targets

TARGETS = Targets(TreePath((b"docs",), slash=True), Links())
MEBI = 1 << 20

TAGS = {
    *("a", "blockquote", "br", "code", "em", "hr", "img", "li", "ol", "p", "pre", "s", "strong", "ul"),
    *("h2", "h3", "h4", "h5", "h6", "table", "tbody", "td", "th", "thead", "tr"),
}
ATTRIBUTES = {"href", "title", "rel", "src", "alt", "loading", "start", "align", "id"}

ATTACKS = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg onload=alert(1)>", "<iframe src=/x></iframe>",
    "<a href='javascript:alert(1)'>x</a>", "<style>*{display:none}</style>", "<form action=/x><input name=a></form>",
    "<!--><img src=x onerror=alert(1)>-->", "<![CDATA[<script>]]>", "<?php x ?>", "<base href=//evil>", "<meta http-equiv=refresh>",
    "[x](javascript:alert(1))", "[x](JAVASCRIPT:alert(1))", "[x](java&#x73;cript:alert(1))", "[x](<java\tscript:alert(1)>)",
    "[x](data:text/html;base64,PHNjcmlwdD4=)", "[x](vbscript:x)", "[x](//evil.example)", "[x](\x01javascript:alert(1))",
    "[x](&#1;javascript:alert(1))", "<javascript:alert(1)>", "[x]: javascript:alert(1)\n\n[x]", "[x](file:///etc/passwd)",
    "![x](https://evil.example/pixel.png)", "![x](//evil.example/p.png)", "![x](data:image/svg+xml,<svg/onload=alert(1)>)",
    '![x" onerror="alert(1)](a.png)', '![x](a.png "t\\" onerror=\\"alert(1)")', '[x](a "t\'\\" onclick=\\"x")',
    "```\"><script>alert(1)</script>\nx\n```", "~~~js onload=alert(1)\n</code></pre><script>\n~~~", "# <b id=content>x",
    "|<script>|\n|-|\n|<img src=x onerror=y>|", "&lt;script&gt;", "&#60;script&#62;", "\\<script>", "`<script>`",
)  # fmt: skip
"""Each should come out as text, or not at all."""


class Reader(HTMLParser):
    """Reads HTML as browsers would, and keeps what it finds."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.odd: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.odd.append(data)

    def handle_decl(self, decl: str) -> None:
        self.odd.append(decl)

    def handle_pi(self, data: str) -> None:
        self.odd.append(data)


def shown(text: str, seconds: float = 10.0) -> str:
    return render(text, TARGETS, seconds=seconds)


class MarkdownCase(SynchronousTestCase):
    def check(self, html: str) -> Reader:
        """Nothing in a document can do anything: no tag, attribute or address but those that are known to be harmless."""
        found = Reader(html)
        self.assertLessEqual(set(found.tags), TAGS)
        self.assertLessEqual({name for name, _ in found.attributes}, ATTRIBUTES)
        self.assertEqual(found.odd, [])
        for name, value in found.attributes:
            if name == "src":
                self.assertRegex(value, r"\A/(?!/)")
            elif name == "href":
                self.assertRegex(value, r"(?i)\A(/(?!/)|#md-|https?://|mailto:)")
            elif name == "id":
                self.assertTrue(value.startswith("md-"), value)
        return found


class Harmless(MarkdownCase):
    def test_attacks(self) -> None:
        """HTML is shown as it is written, and what leads nowhere that it may is no link and no image."""
        for attack in ATTACKS:
            for text in (
                attack,
                f"a {attack} b",
                f"> {attack}",
                f"- {attack}",
                f"# {attack}",
                f"[{attack}](x.txt)",
            ):
                self.check(shown(text))

    def test_said(self) -> None:
        """What is left of an attack is its words."""
        self.assertEqual(Reader(shown("<b>x</b>")).text.strip(), "<b>x</b>")
        self.assertEqual(shown("[words](ftp://x)").strip(), "<p>words</p>")
        self.assertEqual(shown("![seen *so*](https://evil.example/p.png)").strip(), "<p>seen so</p>")

    @settings(deadline=None, max_examples=200)
    @given(
        st.lists(
            st.sampled_from(
                [
                    *ATTACKS,
                    "\n",
                    "\n\n",
                    "> ",
                    "- ",
                    "`",
                    "*",
                    "_",
                    "[",
                    "](",
                    ")",
                    "|",
                    "-",
                    '"',
                    "'",
                    "<",
                    ">",
                    "&",
                ]
            )
        )
    )
    def test_mixed(self, pieces: list[str]) -> None:
        """However attacks are put together, nothing gets through."""
        with contextlib.suppress(Unfit):  # shown as plain text
            self.check(shown("".join(pieces)))

    def test_links_outside(self) -> None:
        """Pages of others learn nothing of whom a link is followed by, and get no hold on the page it was on."""
        found = self.check(shown("[x](https://example.org)"))
        self.assertIn(("rel", "noopener noreferrer nofollow"), found.attributes)


class Rendered(MarkdownCase):
    def test_what_people_write(self) -> None:
        """Headings stand below the page's own; lists, tables, code, quotations and images are there."""
        html = shown(
            "# One\n\n## Two *x*\n\n- a\n- b\n\n3. c\n\n| a | b |\n|:-:|--:|\n| 1 | 2 |\n\n```py\nx < 1\n```\n\n> q\n\n"
            "![alt](../a%20b.png) ~~gone~~ **strong** <https://example.org> `code`  \nnext\n\n---\n"
        )
        self.check(html)
        for part in (
            '<h2 id="md-one">One</h2>', '<h3 id="md-two-x">Two <em>x</em></h3>', '<ol start="3">', "<li>a</li>",
            '<th align="center">a</th>', '<td align="right">2</td>', "<pre><code>x &lt; 1\n</code></pre>", "<blockquote>",
            '<img src="/a%20b.png" alt="alt" loading="lazy">', "<s>gone</s>", "<strong>strong</strong>", "<br>", "<hr>",
            'href="https://example.org"', "<code>code</code>",
        ):  # fmt: skip
            self.assertIn(part, html)

    def test_headings(self) -> None:
        """Each heading has a name of its own, to which links of the document lead."""
        html = shown("# A b!\n\n# A b\n\n# \n\n###### Über 'x'\n\n[to](#A-b) [on](#%C3%BCber-x)")
        ids = [value for name, value in self.check(html).attributes if name == "id"]
        self.assertEqual(ids, ["md-a-b", "md-a-b-1", "md-", "md-über-x"])
        self.assertIn('href="#md-a-b"', html)
        self.assertIn('href="#md-%C3%BCber-x"', html)

    def test_no_blank_page(self) -> None:
        """An empty document, and one of blanks, is rendered as nothing."""
        for text in ("", " \n\t\n", "[a]: b"):
            self.assertEqual(re.sub(r"<p>\s*</p>|\s", "", shown(text)), "", repr(text))


def filled(piece: str) -> str:
    return (piece * (MEBI // len(piece) + 1))[:MEBI]


BOMBS = {
    "quotations": ">" * MEBI, "lists": filled("- "), "brackets": filled("[" * 30_000 + "\n\n"), "images": filled("![" * 15_000 + "\n\n"),
    "emphasis": filled("*a_" * 8_000 + "\n\n"), "ticks": filled("".join("`" * n + " " for n in range(1, 240)) + "\n\n"),
    "definitions": "".join(f"[a{n}]: b\n" for n in range(60_000)), "uses": "[x]: /u '" + "t" * 30_000 + "'\n\n" + filled("[x] ")[:500_000],
    "cells": "|a" * 5_000 + "|\n" + "|-" * 5_000 + "|\n" + "a\n" * 400_000, "wide": "|" * 20_000 + "\n" + "|-" * 20_000 + "|\n" + filled("|\n")[:900_000],
    "paragraphs": filled("a\n\n"), "headings": filled("# a\n"), "line": "a" * MEBI, "titles": filled("[a]: b '"),
    "quoted lists": filled("> - "), "entities": filled("&amp;"), "tags": filled("<a b='"), "nested": "".join("  " * n + "- a\n" for n in range(700)),
}  # fmt: skip
"""Documents of a megabyte that take parsers minutes, or end them."""


class Bounded(MarkdownCase):
    def test_bombs(self) -> None:
        """No document takes much longer than it may, of the processor; what is too much isn't rendered."""
        refused = set()
        for name, text in BOMBS.items():
            began = time.thread_time()
            try:
                html = shown(text, seconds=0.3)
                self.assertLess(len(html), 8 * MEBI, name)
            except Unfit:
                refused.add(name)
            self.assertLess(time.thread_time() - began, 3.0, name)
        self.assertLessEqual({"brackets", "line", "quotations"}, refused)

    def test_time(self) -> None:
        """What would take longer than it may is refused for that alone."""
        text = "word *word* `word`\n\n" * 2_000
        self.assertIn("<em>word</em>", shown(text))
        self.assertRaises(Unfit, shown, text, 0.0)

    def test_longest(self) -> None:
        """A paragraph, or a block of code, is rendered up to a length."""
        for kind in ("{}", "```\n{}\n```"):
            self.assertIn("a" * 1_000, shown(kind.format("a" * (LONGEST - 1))))
            self.assertRaises(Unfit, shown, kind.format("a" * (LONGEST + 1)))

    def test_depth(self) -> None:
        """No document nests deeper than a browser's own parser likes, whatever it nests; and nothing is left out."""
        self.assertIn("inside", shown("> " * 25 + "inside"))
        self.assertIn("inside", shown("".join("  " * n + "- a\n" for n in range(20)) + "  " * 20 + "- inside"))
        self.assertRaises(Unfit, shown, "> " * (DEEPEST + 5) + "inside")
        for text in (
            ">" * 5_000 + "a",
            "- " * 5_000 + "a",
            "*a " * 5_000 + "b*" * 5_000,
            "[" * 200 + "a" + "](b)" * 200,
        ):
            try:
                html = shown(text)
            except Unfit:
                continue
            deepest = depth = 0
            for closing, _ in re.findall(r"<(/?)(?!img|br|hr)(\w+)", html):
                depth += -1 if closing else 1
                deepest = max(deepest, depth)
            self.assertLessEqual(deepest, DEEPEST + 5)
            self.assertEqual(depth, 0)
