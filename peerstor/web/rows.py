"""The rows of a listing's page, as one string: a template takes four times as long for a thousand of them."""

from collections.abc import Iterable

from markupsafe import Markup, escape

from peerstor.tree.entries import Entry
from peerstor.tree.paths import quote_name
from peerstor.web.display import human_size, time_shown, visible

_FILE = """<tr>
<th scope="row" class="name"><a class="file" href="%(href)s"><bdi>%(name)s</bdi></a></th>
<td class="size">%(size)s</td>
<td class="mtime"><time datetime="%(moment)s">%(modified)s</time></td>
<td class="get">\
<a href="%(href)s?download" download><span class="spoken">Download <bdi>%(name)s</bdi></span></a></td>
</tr>
"""

_FOLDER = """<tr>
<th scope="row" class="name">\
<a class="folder" href="%(href)s"><bdi>%(name)s</bdi><span class="spoken"> (folder)</span></a></th>
<td class="size"></td>
<td class="mtime"><time datetime="%(moment)s">%(modified)s</time></td>
<td class="get"></td>
</tr>
"""


_SHARE = (
    '<a class="share" href="%(share)s"><span class="spoken">Share <bdi>%(name)s</bdi></span></a>'
)  # fmt: skip


def rows(entries: Iterable[tuple[str, Entry]], *, share_page: str | None = None) -> Markup:
    """Write the rows of entries, each with its link.

    The name alone can hold signs of HTML: links are percent-encoded, and the rest we make ourselves.

    :param share_page: what the address of the page that shares an entry begins with; None for whoever can't.
    """
    if share_page is None:
        return Markup("".join(_row(href, entry) for href, entry in entries))
    return Markup("".join(_shared(_row(href, entry), entry, share_page) for href, entry in entries))


def seconds(entry: Entry) -> float:
    """Give the time of modification in seconds since the epoch, as near as a float comes to it."""
    whole, rest = divmod(entry.mtime_ns, 10**9)
    return whole + rest / 1e9


def _shared(row: str, entry: Entry, share_page: str) -> str:
    """Put the link that shares an entry into its row, before the one that downloads it."""
    link = _SHARE % {"share": share_page + quote_name(entry.name), "name": escape(visible(entry.name))}
    before, cell, behind = row.rpartition('<td class="get">')
    return before + cell + link + behind


def _row(href: str, entry: Entry) -> str:
    moment, modified = time_shown(seconds(entry))
    return (_FOLDER if entry.is_folder else _FILE) % {
        "href": href,
        "name": escape(visible(entry.name)),
        "size": human_size(entry.size),
        "moment": moment,
        "modified": modified,
    }
