"""The rows of a listing's page, as one string: a template takes ten times as long for a thousand of them.

They are as short as HTML allows (tags that a parser knows to end are left to it, and quotes where it needs none),
since nothing else of a listing is there so often.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from attrs import frozen
from markupsafe import escape

from peerstor.tree.entries import Entry
from peerstor.web.display import human_size, time_shown, visible
from peerstor.web.texts.catalogues import Texts

# Names in which nothing hides and nothing means anything to HTML: most of those there are.
_PLAIN = re.compile(rb"[A-Za-z0-9._~ ()\[\]{}!#$%*+,:;=?@^|\\/`-]+")


@frozen
class _Words:
    """What each row says, as HTML.

    :ivar folder: behind the name of one, for who can't see its icon.
    :ivar download, actions: what stands before and behind the name in what a link is called.
    :ivar size: spells one.
    """

    folder: str
    download: tuple[str, str]
    actions: tuple[str, str]
    size: Callable[[str], str]

    @classmethod
    def of(cls, texts: Texts) -> _Words:
        """Look them up once for all rows."""
        gettext = texts.gettext
        return cls(
            folder=str(escape(gettext("folder"))),
            download=_around(gettext("Download {name}")),
            actions=_around(gettext("Actions for {name}")),
            size=texts.spelled,
        )


def _around(text: str) -> tuple[str, str]:
    before, _, behind = text.partition("{name}")
    return str(escape(before)), str(escape(behind))


def rows(entries: Iterable[tuple[str, Entry]], texts: Texts, *, entry_page: str | None = None) -> str:
    """Write the rows of entries, each with its link.

    The name alone can hold signs of HTML: links are percent-encoded, and the rest we make ourselves.

    :param texts: of the page's language.
    :param entry_page: what the address of an entry's own page begins with; None for whoever can do nothing there.
    """
    words = _Words.of(texts)
    return "".join([_row(href, entry, entry_page, words) for href, entry in entries])


def seconds(entry: Entry) -> float:
    """Give the time of modification in seconds since the epoch, as near as a float comes to it."""
    whole, rest = divmod(entry.mtime_ns, 10**9)
    return whole + rest / 1e9


def _row(href: str, entry: Entry, entry_page: str | None, words: _Words) -> str:
    raw = entry.name
    name = raw.decode("ascii") if _PLAIN.fullmatch(raw) else escape(visible(raw))
    moment, modified = time_shown(entry.mtime_ns // 10**9)
    if entry.is_folder:
        link = f'<a class=folder href="{href}"><bdi>{name}</bdi><span class=spoken> ({words.folder})</span></a>'
        get = ""
    else:
        link = f'<a href="{href}"><bdi>{name}</bdi></a>'
        before, behind = words.download
        get = f'<a href="{href}?download" download aria-label="{before}{name}{behind}"></a>'
    if entry_page is not None:
        page = entry_page + href[href.rfind("/", 0, -1) + 1 :]
        before, behind = words.actions
        get = f'{get}<a class=more href="{page}" aria-label="{before}{name}{behind}"></a>'
    exact = f" title={entry.size}" if entry.size is not None and entry.size >= 1000 else ""
    return (
        f"<tr><th scope=row class=name>{link}<td class=size{exact}>{words.size(human_size(entry.size))}"
        f"<td class=mtime><time datetime={moment}>{modified}</time><td class=get>{get}\n"
    )
