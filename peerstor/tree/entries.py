"""What lies in a folder, in order and page by page, in constant memory however many entries there are."""

import base64
import binascii
import os
import stat
from collections.abc import Callable, Iterator
from typing import Literal

from attrs import frozen

from peerstor.errors import BadRequest
from peerstor.tree.faults import fault_of_reading
from peerstor.tree.pace import Pace
from peerstor.tree.paths import TreePath, is_private
from peerstor.tree.sandbox import Opened, Sandbox

Sort = Literal["name", "size", "mtime"]
# A number (0 when sorting by name), the casefolded text of the name, the name.
_Key = tuple[int, str, bytes]

# Candidates that are gathered beyond a page before the worst are thrown out: memory against sorting.
SLACK = 1024


@frozen
class Entry:
    """One file or folder of a listing, as a reader would find it (links followed).

    :ivar size: bytes; None for a folder.
    :ivar mtime_ns: nanoseconds since the epoch.
    """

    name: bytes
    is_folder: bool
    size: int | None
    mtime_ns: int


@frozen
class Page:
    """One page of a listing.

    :ivar next: the cursor for the page behind it; None when this is the last.
    """

    entries: tuple[Entry, ...]
    next: str | None


def list_page(
    sandbox: Sandbox,
    path: TreePath,
    *,
    sort: Sort = "name",
    descending: bool = False,
    limit: int = 1000,
    cursor: str | None = None,
) -> Page:
    """List one page of a folder. Blocks, and lets other threads run all the while.

    Names are ordered by their casefolded text, then by their bytes; entries of the same size or time by name.
    Folders count as smaller than any file. What a reader could not open (private names, special files, links
    that lead nowhere) is absent, and the page is filled nevertheless.

    :param limit: entries of a page, from 1.
    :param cursor: `next` of the page before it, made with the same `sort`. It holds the sort value and name of
        that page's last entry, not a position, so nothing is left out or told twice when entries come and go.
    :raise BadRequest: the cursor was not made here, or for another order.
    :raise NotFound, Forbidden, StorageUnavailable, Overloaded: as `Sandbox.folder`.
    """
    after = None if cursor is None else _key_of_cursor(cursor, sort)
    with sandbox.folder(path) as folder:
        listing = _Listing(sandbox, folder, sort=sort, descending=descending)
        found: list[tuple[_Key, Entry]] = []
        # More than one round only where a chosen entry vanished or proved hidden when it was looked at.
        while len(found) <= limit:
            wanted = limit + 1 - len(found)
            keys = listing.select(wanted, after)
            found += [(key, entry) for key in keys if (entry := listing.entry(key[2])) is not None]
            if len(keys) < wanted:
                break
            after = keys[-1]
    more = len(found) > limit
    shown = found[:limit]
    return Page(
        entries=tuple(entry for _, entry in shown),
        next=_cursor_of_key(shown[-1][0], sort) if more else None,
    )


class _Listing:
    """One folder being listed in one order."""

    def __init__(self, sandbox: Sandbox, folder: Opened, *, sort: Sort, descending: bool) -> None:
        self._sandbox = sandbox
        self._folder = folder
        self._descending = descending
        self._value: Callable[[os.stat_result], int] | None = {
            "name": None,
            "size": _size_of,
            "mtime": _mtime_of,
        }[sort]

    def select(self, wanted: int, after: _Key | None) -> list[_Key]:
        """The first `wanted` keys behind `after`, in order."""
        kept: list[_Key] = []
        bound: _Key | None = None
        for item in self._scan():
            key = self._key(item, after, bound)
            if key is not None:
                kept.append(key)
                if len(kept) >= wanted + SLACK:
                    self._trim(kept, wanted)
                    bound = kept[-1]
        self._trim(kept, wanted)
        return kept

    def entry(self, name: bytes) -> Entry | None:
        """What a reader finds under the name; None when it is nothing."""
        found = self._sandbox.lookup(self._folder, name)
        if found is None:
            return None
        is_folder = stat.S_ISDIR(found.st_mode)
        size = None if is_folder else found.st_size
        return Entry(name=name, is_folder=is_folder, size=size, mtime_ns=found.st_mtime_ns)

    def _scan(self) -> Iterator["os.DirEntry[str]"]:
        try:
            with os.scandir(self._folder.fd) as items:
                yield from Pace().through(items)
        except OSError as error:
            raise fault_of_reading(error) from error

    def _key(self, item: "os.DirEntry[str]", after: _Key | None, bound: _Key | None) -> _Key | None:
        """The entry's key; None when it lies outside the page or no reader would find it."""
        name = os.fsencode(item.name)
        if is_private(name):
            return None
        if self._value is None:
            # By name, nothing but the page's own entries is looked at: what the folder itself says of their
            # kind is enough, except for links, which may lead nowhere.
            key = _key_of(0, name)
            if not self._within(key, after, bound) or self._is_hidden(item, name):
                return None
            return key
        found = self._sandbox.lookup(self._folder, name)
        if found is None:
            return None
        key = _key_of(self._value(found), name)
        return key if self._within(key, after, bound) else None

    def _within(self, key: _Key, after: _Key | None, bound: _Key | None) -> bool:
        if self._descending:
            return (after is None or key < after) and (bound is None or key > bound)
        return (after is None or key > after) and (bound is None or key < bound)

    def _is_hidden(self, item: "os.DirEntry[str]", name: bytes) -> bool:
        if item.is_symlink():
            return self._sandbox.lookup(self._folder, name) is None
        return not (item.is_file(follow_symlinks=False) or item.is_dir(follow_symlinks=False))

    def _trim(self, kept: list[_Key], wanted: int) -> None:
        kept.sort(reverse=self._descending)
        del kept[wanted:]


def _size_of(found: os.stat_result) -> int:
    return -1 if stat.S_ISDIR(found.st_mode) else found.st_size


def _mtime_of(found: os.stat_result) -> int:
    return found.st_mtime_ns


def _key_of(value: int, name: bytes) -> _Key:
    return value, name.decode("utf-8", "surrogateescape").casefold(), name


def _cursor_of_key(key: _Key, sort: Sort) -> str:
    text = b"%s:%d:%s" % (sort.encode(), key[0], key[2])
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode("ascii")


def _key_of_cursor(cursor: str, sort: Sort) -> _Key:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        kind, value, name = text.split(b":", 2)
        if kind != sort.encode() or not name or len(value) > 20:
            raise ValueError(kind)
        return _key_of(int(value), name)
    except (ValueError, binascii.Error):
        raise BadRequest(reason="This cursor is none of this listing.") from None
