"""The rows of a listing's page, as bytes: a template takes twenty times as long for a thousand of them.

They are as short as HTML allows (tags that a parser knows to end are left to it, and quotes where it needs none),
since nothing else of a listing is there so often.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from attrs import frozen
from markupsafe import escape

from peerstor.tree.entries import Entry
from peerstor.tree.pace import slices
from peerstor.tree.paths import quote_name
from peerstor.web.display import human_size, time_shown, visible
from peerstor.web.links import Below
from peerstor.web.texts.catalogues import Texts

# Names in which nothing hides and nothing means anything to HTML: most of those there are.
_PLAIN = re.compile(rb"[A-Za-z0-9._~ ()\[\]{}!#$%*+,:;=?@^|\\/`-]+")

# Sizes and times that are spelled already: a folder that is read again has the same.
_SPELLED = 4096


@frozen
class _Words:
    """What each row says, as HTML.

    :ivar folder: behind the name of one, for who can't see its icon.
    :ivar download, actions: what stands before and behind the name in what a link is called.
    """

    folder: str
    download: tuple[str, str]
    actions: tuple[str, str]

    @classmethod
    def of(cls, texts: Texts) -> _Words:
        """Look them up once for all rows."""
        gettext = texts.gettext
        return cls(
            folder=str(escape(gettext("folder"))),
            download=_around(gettext("Download {name}")),
            actions=_around(gettext("Actions for {name}")),
        )


def _around(text: str) -> tuple[str, str]:
    before, _, behind = text.partition("{name}")
    return str(escape(before)), str(escape(behind))


def rows(entries: Iterable[Entry], below: Below, texts: Texts, *, entry_page: str | None = None) -> list[bytes]:
    """Write the rows of entries, in pieces. Blocks, and lets other threads run now and then.

    The name alone can hold signs of HTML: links are percent-encoded, and the rest we make ourselves.

    :param below: has the links of what lies in the folder.
    :param texts: of the page's language.
    :param entry_page: what the address of an entry's own page begins with; None for whoever can do nothing there.
    """
    words = _Words.of(texts)
    return ["".join(_rows(some, below, texts, words, entry_page)).encode() for some in slices(entries)]


def _rows(
    entries: list[Entry], below: Below, texts: Texts, words: _Words, entry_page: str | None
) -> Iterable[str]:
    download, downloaded = words.download
    actions, acted = words.actions
    more = ""
    for entry in entries:
        raw = entry.name
        quoted = quote_name(raw)
        if len(quoted) == len(raw):
            name = quoted
        elif _PLAIN.fullmatch(raw):
            name = raw.decode("ascii")
        else:
            name = escape(visible(raw))
        if entry.is_folder:
            quoted += "/"
        href = below.beginning_of(raw) + quoted
        if entry_page is not None:
            more = f'<a class=more href="{entry_page}{quoted}" aria-label="{actions}{name}{acted}"></a>'
        modified = _time_cell(entry.mtime_ns // 10**9)
        if entry.is_folder:
            yield (
                f'<tr><th scope=row class=name><a class=folder href="{href}"><bdi>{name}</bdi>'
                f"<span class=spoken> ({words.folder})</span></a><td class=size>{modified}<td class=get>{more}\n"
            )
        else:
            yield (
                f'<tr><th scope=row class=name><a href="{href}"><bdi>{name}</bdi></a>'
                f"{_size_cell(entry.size, texts)}{modified}<td class=get>"
                f'<a href="{href}?download" download aria-label="{download}{name}{downloaded}"></a>{more}\n'
            )


@lru_cache(maxsize=_SPELLED)
def _size_cell(size: int, texts: Texts) -> str:
    exact = f" title={size}" if size >= 1000 else ""
    return f"<td class=size{exact}>{texts.spelled(human_size(size))}"


@lru_cache(maxsize=_SPELLED)
def _time_cell(second: int) -> str:
    moment, modified = time_shown(second)
    return f"<td class=mtime><time datetime={moment}>{modified}</time>"
