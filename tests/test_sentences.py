"""Sentences that can still be said in another language."""

import json

from twisted.trial.unittest import SynchronousTestCase

from peerstor.errors import BadRequest, BadType
from peerstor.sentences import Sentence

GERMAN = {"{name} is missing.": "{name} fehlt.", "The end": "Das Ende"}


class Sentences(SynchronousTestCase):
    def test_english(self) -> None:
        """To whoever takes one for text, it is the English one, filled in."""
        sentence = Sentence("{name} is missing.", name="path")
        self.assertEqual((sentence, json.dumps(sentence)), ("path is missing.", '"path is missing."'))
        self.assertEqual(hash(sentence), hash("path is missing."))

    def test_said(self) -> None:
        """In another language the template is looked up, and what it is filled with may be a sentence too."""
        for value, said in (("path", "path fehlt."), (Sentence("The end"), "Das Ende fehlt."), (7, "7 fehlt.")):
            sentence = Sentence("{name} is missing.", name=value)
            self.assertEqual(sentence.said(lambda text: GERMAN.get(text, text)), said)

    def test_braces(self) -> None:
        """What values hold is never taken for a template, nor is a sentence without values."""
        self.assertEqual(Sentence("{name} is missing.", name="{0.__class__}"), "{0.__class__} is missing.")
        self.assertEqual(Sentence("{left as it is}").said(str), "{left as it is}")

    def test_faults(self) -> None:
        """The reasons of faults are sentences."""
        for kind in (BadRequest, BadType):
            reason = kind("{name} is missing.", name="path").reason
            self.assertEqual((reason, reason.template), ("path is missing.", "{name} is missing."))
