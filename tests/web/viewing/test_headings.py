"""Names for headings."""

from markdown_it import MarkdownIt
from twisted.trial.unittest import SynchronousTestCase

from peerstor.web.viewing.headings import LONGEST, name_headings


class Headings(SynchronousTestCase):
    def names(self, text: str) -> list[str]:
        """Give the ids of a document's headings."""
        tokens = MarkdownIt().parse(text)
        name_headings(tokens)
        return [str(token.attrs["id"]) for token in tokens if token.type == "heading_open"]

    def test_as_people_link_them(self) -> None:
        """A name is the heading's text as the large code hosts make it, so that tables of contents lead on here too."""
        self.assertEqual(
            self.names("# What's *new* in 2.0?\n\n## A - B\n\n## Straße & Öl\n"),
            ["md-whats-new-in-20", "md-a---b", "md-straße--öl"],
        )

    def test_unique(self) -> None:
        """The second of a name gets a number."""
        self.assertEqual(self.names("# A\n\n# a\n\n# A!\n"), ["md-a", "md-a-1", "md-a-2"])

    def test_harmless(self) -> None:
        """No name holds a blank, a quote or a sign of HTML, or is longer than need be."""
        for name in self.names("# \"><script> ' & \t \u202e\n\n# " + "x" * 1000 + "\n"):
            self.assertRegex(name, r"\Amd-[\w-]*\Z")
            self.assertLessEqual(len(name), LONGEST + 10)
