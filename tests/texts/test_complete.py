"""Every catalogue says every text, and nothing else."""

import ast
import re
import string
from collections import Counter

from babel.messages.catalog import Message
from twisted.trial.unittest import SynchronousTestCase

from tests.texts.extraction import CATALOGUES, ROOT, catalogue, places, template

TAGS = re.compile(r"</?[a-z]+[^>]*>")
PERCENT = re.compile(r"%\((\w+)\)s|%%")


def placeholders(text: str, *, percent: bool) -> set[str]:
    """Name the values that stand in a text.

    :param percent: whether it is a template's, whose values stand in `%(…)s`.
    """
    if percent:
        return {name for name in PERCENT.findall(text) if name}
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def forms(said: object) -> tuple[str, ...]:
    """Give a text for one and for more, if it counts."""
    return (said,) if isinstance(said, str) else tuple(said or ())  # type: ignore[call-overload]


class Complete(SynchronousTestCase):
    def test_languages(self) -> None:
        """There is one to prove it."""
        self.assertIn("de", CATALOGUES)

    def test_same_texts(self) -> None:
        """A catalogue has the texts that the code has, and knows where they are: `python -m tests.texts`."""
        expected = dict(places(template()))
        for language in CATALOGUES:
            found = dict(places(catalogue(language)))
            self.assertEqual(set(expected) - set(found), set(), f"{language} misses texts")
            self.assertEqual(set(found) - set(expected), set(), f"{language} has texts that nobody says")
            self.assertEqual(found, expected)

    def test_translated(self) -> None:
        """Each is said in all its forms, by somebody who was sure of it."""
        for language in CATALOGUES:
            whole = catalogue(language)
            for message in whole:
                if message.id:
                    with self.subTest(language=language, text=message.id):
                        self.assertFalse(message.fuzzy)
                        count = whole.num_plurals if message.pluralizable else 1
                        self.assertEqual([bool(form.strip()) for form in forms(message.string)], [True] * count)

    def test_alike(self) -> None:
        """What stands in a text's place for a value, and its marks, are those of the English text."""
        for language in CATALOGUES:
            for message in catalogue(language):
                if message.id:
                    with self.subTest(language=language, text=message.id):
                        self.check(message)

    def check(self, message: Message) -> None:
        """Hold a text against the English one."""
        english = forms(message.id)
        in_template = any(file.endswith(".html") for file, _ in message.locations)
        percent = in_template and not any(re.search(r"\{\w+\}", form) for form in english)
        wanted = placeholders(english[-1], percent=percent)
        for form in forms(message.string):
            got = placeholders(form, percent=percent)
            # The form for one thing needn't tell how many there are.
            self.assertLessEqual(got, wanted | placeholders(english[0], percent=percent))
            self.assertLessEqual(wanted - got, {"n", "count"} if message.pluralizable else set())
            self.assertEqual(Counter(TAGS.findall(form)), Counter(TAGS.findall(english[-1])))
            self.assertEqual(form.count('"'), english[-1].count('"'), "it may stand in an attribute")
            if percent:
                self.assertNotRegex(PERCENT.sub("", form), "%")


class Literals(SynchronousTestCase):
    def test_found(self) -> None:
        """What makes a sentence gets its words as a literal, else nobody could find them, and values by name."""
        for path in sorted((ROOT / "peerstor").rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name | ast.Attribute):
                    continue
                name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                inside = path.name in ("errors.py", "sentences.py")
                if name in ("Sentence", "BadRequest", "BadType") and not inside:
                    with self.subTest(path=path.name, line=node.lineno):
                        self.assertEqual(len(node.args), 1)
                        self.assertIsInstance(node.args[0], ast.Constant)
