"""What lies in a folder, in order and page by page, in constant memory however many entries there are."""

import base64
import binascii
import os
import stat
import sys
from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Any, Literal

from attrs import frozen
from msgspec import Struct

from peerstor.errors import BadRequest
from peerstor.tree.faults import fault_of_reading
from peerstor.tree.pace import slices
from peerstor.tree.paths import TreePath, is_private
from peerstor.tree.sandbox import Opened, Sandbox

Sort = Literal["name", "size", "mtime"]
# A number (0 when sorting by name), the casefolded text of the name with the name itself behind it, the name.
_Key = tuple[int, str, bytes]

# As `os.fsencode` has them, which takes three times as long.
_ENCODING, _ERRORS = sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()

# Whether the names that the interpreter gives are the texts that keys are made of.
_NAMES_ARE_UTF8 = (_ENCODING, _ERRORS) == ("utf-8", "surrogateescape")

# Candidates that are gathered beyond a page before the worst are thrown out: memory against sorting.
SLACK = 1024


class Entry(Struct, frozen=True, gc=False):
    """One file or folder of a listing, as a reader would find it (links followed).

    There may be ten thousand at once, so it is a kind of value that costs next to nothing to make.

    :ivar size: bytes; None for a folder.
    :ivar mtime_ns: nanoseconds since the epoch.
    :ivar inode: which it is of its file system.
    """

    name: bytes
    is_folder: bool
    size: int | None
    mtime_ns: int
    inode: int


@frozen
class Page:
    """One page of a listing.

    :ivar next: the cursor for the page behind it; None when this is the last.
    :ivar own: whether nothing but the folder and these entries decides what the page holds. What a link leads to
        does as well, and what else is mounted there; so does every other entry, where not the names decide.
    """

    entries: tuple[Entry, ...]
    next: str | None
    own: bool = True


def list_page(
    sandbox: Sandbox,
    path: TreePath,
    *,
    sort: Sort = "name",
    descending: bool = False,
    limit: int = 1000,
    cursor: str | None = None,
) -> Page:
    """List one page of a folder, as `list_folder`.

    :raise NotFound, Forbidden, StorageUnavailable, Overloaded: as `Sandbox.folder`.
    """
    with sandbox.folder(path) as folder:
        return list_folder(sandbox, folder, sort=sort, descending=descending, limit=limit, cursor=cursor)


def list_folder(
    sandbox: Sandbox,
    folder: Opened,
    *,
    sort: Sort = "name",
    descending: bool = False,
    limit: int = 1000,
    cursor: str | None = None,
) -> Page:
    """List one page of an open folder. Blocks, and lets other threads run all the while.

    Names are ordered by their casefolded text, then by their bytes; entries of the same size or time by name.
    Folders count as smaller than any file. What a reader could not open (private names, special files, links
    that lead nowhere) is absent, and the page is filled nevertheless.

    :param limit: entries of a page, from 1.
    :param cursor: `next` of the page before it, made with the same `sort`. It holds the sort value and name of
        that page's last entry, not a position, so nothing is left out or told twice when entries come and go.
    :raise BadRequest: the cursor was not made here, or for another order.
    :raise Forbidden, StorageUnavailable, Overloaded: it can't be read.
    """
    after = None if cursor is None else _key_of_cursor(cursor, sort)
    listing = _Listing(sandbox, folder, sort=sort, descending=descending)
    found: list[tuple[_Key, Entry]] = []
    # More than one round only where a chosen entry vanished or proved hidden when it was looked at.
    while len(found) <= limit:
        wanted = limit + 1 - len(found)
        keys = listing.select(wanted, after)
        found += listing.entries(keys)
        if len(keys) < wanted:
            break
        after = keys[-1]
    more = len(found) > limit
    shown = found[:limit]
    return Page(
        entries=tuple([entry for _, entry in shown]),
        next=_cursor_of_key(shown[-1][0], sort) if more else None,
        own=listing.own and (sort == "name" or (cursor is None and not more)),
    )


class _Listing:
    """One folder being listed in one order.

    :ivar own: whether all that was met so far is decided by the folder and its entries alone.
    """

    def __init__(self, sandbox: Sandbox, folder: Opened, *, sort: Sort, descending: bool) -> None:
        self.own = True
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
        keys = self._keys_by_name if self._value is None else self._keys_by_value
        for items in self._scan():
            kept += keys(items, after, bound)
            if len(kept) >= wanted + SLACK:
                self._trim(kept, wanted)
                bound = kept[-1]
        self._trim(kept, wanted)
        return kept

    def entries(self, keys: list[_Key]) -> list[tuple[_Key, Entry]]:
        """What a reader finds under the names; nothing for those that are gone."""
        look, folder, device = self._sandbox.lookup, self._folder, self._folder.stat.st_dev
        found_all: list[tuple[_Key, Entry]] = []
        for some in slices(keys):
            for key in some:
                found = look(folder, key[2])
                if found is None:
                    self.own = False
                    continue
                if found.st_dev != device:
                    self.own = False
                is_folder = stat.S_ISDIR(found.st_mode)
                size = None if is_folder else found.st_size
                found_all.append((key, Entry(key[2], is_folder, size, found.st_mtime_ns, found.st_ino)))
        return found_all

    def _scan(self) -> Iterator[list["os.DirEntry[str]"]]:
        try:
            with os.scandir(self._folder.fd) as items:
                yield from slices(items)
        except OSError as error:
            raise fault_of_reading(error) from error

    def _keys_by_name(self, items: list["os.DirEntry[str]"], after: _Key | None, bound: _Key | None) -> list[_Key]:
        """The keys of what lies within the page and a reader would find.

        Nothing but the page's own entries is looked at: what the folder itself says of their kind is enough,
        except for links, which may lead nowhere.
        """
        bounded = after is not None or bound is not None
        keys: list[_Key] = []
        for item in self._near(items, after, bound):
            text = item.name
            name = text.encode(_ENCODING, _ERRORS)
            if text[0] == "." and is_private(name):
                continue
            # What is ASCII reads the same in latin-1.
            key = (0, f"{text.lower()}\0{text}", name) if text.isascii() else _key_of(0, name)
            if bounded and not self._within(key, after, bound):
                continue
            if item.is_file(follow_symlinks=False) or not self._is_hidden(item, name):
                keys.append(key)
        return keys

    def _keys_by_value(
        self, items: list["os.DirEntry[str]"], after: _Key | None, bound: _Key | None
    ) -> list[_Key]:
        """The same, by what only a look at each entry tells."""
        assert self._value is not None
        keys: list[_Key] = []
        for item in items:
            name = item.name.encode(_ENCODING, _ERRORS)
            if is_private(name):
                continue
            self.own = self.own and not item.is_symlink()
            found = self._sandbox.lookup(self._folder, name)
            if found is None:
                continue
            key = _key_of(self._value(found), name)
            if self._within(key, after, bound):
                keys.append(key)
        return keys

    def _near(
        self, items: list["os.DirEntry[str]"], after: _Key | None, bound: _Key | None
    ) -> list["os.DirEntry[str]"]:
        """Leave out most of what lies outside the page, in a fraction of the time that a key takes to make."""
        if not _NAMES_ARE_UTF8:
            return items
        first, last = (bound, after) if self._descending else (after, bound)
        if first is not None:
            start = _folded(first)
            items = [item for item in items if item.name.casefold() >= start]
        if last is not None:
            end = _folded(last)
            items = [item for item in items if item.name.casefold() <= end]
        return items

    def _within(self, key: _Key, after: _Key | None, bound: _Key | None) -> bool:
        if self._descending:
            return (after is None or key < after) and (bound is None or key > bound)
        return (after is None or key > after) and (bound is None or key < bound)

    def _is_hidden(self, item: "os.DirEntry[str]", name: bytes) -> bool:
        """Tell whether no reader would find what is no file."""
        if item.is_symlink():
            self.own = False
            return self._sandbox.lookup(self._folder, name) is None
        return not item.is_dir(follow_symlinks=False)

    def _trim(self, kept: list[_Key], wanted: int) -> None:
        kept.sort(key=_TEXT if self._value is None else _VALUE, reverse=self._descending)
        del kept[wanted:]


# Strings alone are compared several times as fast as what holds them.
_TEXT: Callable[[_Key], Any] = itemgetter(1)
_VALUE: Callable[[_Key], Any] = itemgetter(0, 1)


def _size_of(found: os.stat_result) -> int:
    return -1 if stat.S_ISDIR(found.st_mode) else found.st_size


def _mtime_of(found: os.stat_result) -> int:
    return found.st_mtime_ns


def name_order(name: bytes) -> str:
    """Give the text by which names are ordered: casefolded, and then by their bytes."""
    return _key_of(0, name)[1]


def _key_of(value: int, name: bytes) -> _Key:
    # No name holds NUL, which comes before everything else; latin-1 keeps the order of the bytes.
    folded = name.decode("utf-8", "surrogateescape").casefold()
    return value, f"{folded}\0{name.decode('latin-1')}", name


def _folded(key: _Key) -> str:
    """Give the casefolded name, which decides between all keys in which it differs."""
    return key[1].partition("\0")[0]


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
        raise BadRequest("This cursor is none of this listing.") from None
