"""The catalogues: what our English sentences are in other languages."""

from __future__ import annotations

from collections.abc import Mapping
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from importlib.resources.abc import Traversable
from io import BytesIO

from peerstor.sentences import Sentence
from peerstor.web.texts.languages import ENGLISH
from peerstor.web.texts.scripts import script_of

PLACE = ("LC_MESSAGES", "peerstor.po")
"""Where a language's catalogue lies in its folder."""


class Texts:
    """What we say in one language; in English, what the code says itself.

    :ivar language: its primary tag.
    """

    def __init__(
        self, language: str, translations: NullTranslations, *, script: bytes = b"", signs: str = ".,"
    ) -> None:
        """Say what is in some translations.

        :param script: teaches the page's scripts the language; empty for English, which they know.
        :param signs: what stands before decimals, and between thousands.
        """
        self.language = language
        self.gettext = translations.gettext
        self.ngettext = translations.ngettext
        self.script = script
        self._signs = str.maketrans(".,", signs)

    def say(self, words: str) -> str:
        """Say a `Sentence`, or one without values."""
        return words.said(self.gettext) if isinstance(words, Sentence) else self.gettext(words)

    def spelled(self, number: str) -> str:
        """Spell a number, which may have a unit, as the language does and not as English."""
        return number.translate(self._signs)


class Catalogues:
    """All languages. A catalogue is read when somebody first wants it: most servers never see a second language.

    :ivar offered: the primary tags of the languages.
    """

    def __init__(self) -> None:
        """Find the catalogues."""
        here = files("peerstor.web.texts")
        self._sources = {
            folder.name: folder.joinpath(*PLACE)
            for folder in sorted(here.iterdir(), key=lambda entry: entry.name)
            if folder.is_dir() and folder.joinpath(*PLACE).is_file()
        }
        self.offered = (ENGLISH, *self._sources)
        self._known = {ENGLISH: Texts(ENGLISH, NullTranslations())}

    @property
    def sources(self) -> Mapping[str, bytes]:
        """Give the catalogues as they lie there, by their languages."""
        return {language: source.read_bytes() for language, source in self._sources.items()}

    def of(self, language: str) -> Texts:
        """Give the texts of one of the languages offered. The first time takes some tens of milliseconds."""
        known = self._known.get(language)
        if known is None:
            known = self._known[language] = _read(language, self._sources[language])
        return known


def _read(language: str, source: Traversable) -> Texts:
    # Not at the top: who speaks English has no use for them.
    from babel.core import Locale
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with source.open("rb") as file:
        catalogue = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    locale = Locale.parse(language)
    signs = locale.number_symbols["latn"]
    return Texts(
        language,
        GNUTranslations(compiled),
        script=script_of(catalogue, locale),
        signs=signs["decimal"] + signs["group"],
    )
