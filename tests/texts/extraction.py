"""Finds every text of ours in the templates, the scripts and the code, by Babel."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parents[2]
CATALOGUES = {
    folder.name: folder / "LC_MESSAGES" / "peerstor.po"
    for folder in sorted((ROOT / "peerstor/web/texts").iterdir())
    if (folder / "LC_MESSAGES").is_dir()
}
"""Each language's, by its tag."""

METHODS = [("web/templates/**.html", "jinja2"), ("web/static/**.js", "javascript"), ("**.py", "python")]
OPTIONS = {
    "web/templates/**.html": {"trimmed": "true", "trim_blocks": "true", "lstrip_blocks": "true"},
    "web/static/**.js": {"parse_template_string": "true"},
}
KEYWORDS: dict[str, tuple[int, ...] | None] = {
    **{"_": None, "gettext": None, "ngettext": (1, 2)},  # what jinja's {% trans %} comes to
    **{"t": None, "tn": (1, 2)},
    **{"Sentence": None, "BadRequest": None, "BadType": None, "Row": (3,)},
}
"""Which arguments of which calls are texts; None is the first."""

NO_TEXTS = {"{reason}"}

HEADER = "# Texts of PeerStor. `python -m tests.texts` adds what is new here, and drops what is gone."

KEPT = (b'"Language:', b'"Plural-Forms:', b'"MIME-Version:', b'"Content-T')
"""Lines of a catalogue's head that tell something of use; dates would change each time."""


def template() -> Catalog:
    """Give the catalogue that has every text and says none of them in another language."""
    found = Catalog(fuzzy=False)
    for file, _, said, _, _ in extract_from_dir(ROOT / "peerstor", METHODS, OPTIONS, keywords=KEYWORDS):
        if said not in NO_TEXTS:
            found.add(said, locations=[(f"peerstor/{file}", 0)])
    return found


def catalogue(language: str) -> Catalog:
    """Read a language's catalogue."""
    with CATALOGUES[language].open("rb") as file:
        return read_po(file, locale=language)


def places(one: Catalog) -> Iterator[tuple[object, list[str]]]:
    """Give each text of a catalogue, and the files that it is in."""
    for message in one:
        if message.id:
            yield message.id, sorted({file for file, _ in message.locations})


def update(language: str) -> None:
    """Bring a catalogue up to date: new texts come with nothing said, those that are no more go."""
    empty = not CATALOGUES[language].stat().st_size
    known = Catalog(locale=language, fuzzy=False, header_comment=HEADER) if empty else catalogue(language)
    known.update(template(), no_fuzzy_matching=True)
    known.obsolete.clear()
    write(language, known)


def write(language: str, said: Catalog) -> None:
    """Write a language's catalogue, always alike: no dates and no lines of the code, which change with all else."""
    whole = BytesIO()
    write_po(whole, said, width=110, sort_by_file=True, include_lineno=False, ignore_obsolete=True)
    head, _, rest = whole.getvalue().partition(b"\n\n")
    lines = [line for line in head.split(b"\n") if not line.startswith(b'"') or line.startswith(KEPT)]
    CATALOGUES[language].write_bytes(b"\n".join(lines) + b"\n\n" + rest)
