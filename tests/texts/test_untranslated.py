"""No template says anything that isn't looked up; of scripts, `tests/browser/scripts/texts.test.js` tells."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from jinja2 import Environment, nodes
from twisted.trial.unittest import SynchronousTestCase

from tests.texts.extraction import ROOT

TEMPLATES = ROOT / "peerstor/web/templates"

NO_WORDS = {"PeerStor", "UTC"}
"""What is the same in all languages."""

SAID = {"aria-label", "alt", "title", "placeholder"}
"""Attributes that people hear or see."""

LOOKED_UP = {"_", "gettext", "ngettext"}
"""Calls whose strings are; `{% trans %}` is one too."""

WORDS = re.compile(r"[^\W\d_]{2,}[,:;]? [^\W\d_]{2,}|^\W*[A-Z][a-z]+\W*$|^ [a-z]+|[a-z] $|[a-z][.…?!]$")
"""What looks like words in an expression; in HTML any letter does."""

LETTER = re.compile(r"[^\W\d_]")


class Text(HTMLParser):
    """Gathers what a page says."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.said += [value for name, value in attrs if name in SAID and value]

    def handle_data(self, data: str) -> None:
        self.said += re.split(r"[\n\0]", data)


def bare(source: str) -> list[str]:
    """Give what a template says without looking it up."""
    environment = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    environment.install_null_translations(newstyle=True)  # type: ignore[attr-defined]
    tree = environment.parse(source)
    page = "".join(
        part.data if isinstance(part, nodes.TemplateData) else "\0"
        for output in tree.find_all(nodes.Output)
        for part in output.nodes
    )
    text = Text()
    text.feed(page)
    text.close()
    said = [words.strip(" \t\0·–,.:()") for words in text.said]
    return [words for words in (*said, *constants(tree)) if LETTER.search(words) and words not in NO_WORDS]


def constants(node: nodes.Node) -> Iterator[str]:
    """Give the strings of expressions that look like words, but for those that are looked up."""
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name in LOOKED_UP:
        return
    if isinstance(node, nodes.Const) and isinstance(node.value, str) and WORDS.search(node.value):
        yield node.value
    for child in node.iter_child_nodes():
        yield from constants(child)


class Untranslated(SynchronousTestCase):
    def test_templates(self) -> None:
        """All that a template says is looked up."""
        said = {path.name: bare(path.read_text(encoding="utf-8")) for path in sorted(TEMPLATES.glob("*.html"))}
        self.assertEqual({name: found for name, found in said.items() if found}, {})

    def test_seen(self) -> None:
        """This is how it would show."""
        template = (
            '<p title="Its name">{{ "Yes" if a else _("No") }} and <b>{% trans %}More{% endtrans %}</b>{{ b }}</p>'
        )
        self.assertEqual(bare(template), ["Its name", "and", "Yes"])
