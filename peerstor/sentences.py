"""Sentences of ours that are made far from any page, and can still be said in another language there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Self


class Sentence(str):
    """English text that remembers what it was made from. To whoever takes it for a string, it is one.

    Extraction of texts (`tests/texts`) knows this name: the template is a literal, so that it can be found.

    :ivar template: what is looked up in a catalogue; its names in braces stand for values.
    :ivar values: by those names; one that is a `Sentence` is said in the other language too.
    """

    template: str
    values: Mapping[str, object]

    def __new__(cls, template: str, /, **values: object) -> Self:
        """Fill a template in.

        :raise KeyError: it names a value that isn't there.
        """
        made = super().__new__(cls, _filled(template, values))
        made.template = template
        made.values = values
        return made

    def said(self, gettext: Callable[[str], str]) -> str:
        """Say it in another language.

        :param gettext: looks a template up.
        """
        values = {name: said(value, gettext) for name, value in self.values.items()}
        return _filled(gettext(self.template), values)


def said(value: object, gettext: Callable[[str], str]) -> object:
    """Say a value in another language where it is a sentence; anything else is itself in all of them."""
    return value.said(gettext) if isinstance(value, Sentence) else value


def _filled(template: str, values: Mapping[str, object]) -> str:
    return template.format_map(values) if values else template
