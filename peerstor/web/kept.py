"""Listings from memory: given again for as long as the folder is known to be as it was."""

import weakref
from collections import OrderedDict

from attrs import frozen
from twisted.internet.interfaces import IReactorTime

from peerstor.tree.sandbox import Sandbox
from peerstor.tree.watches import Since, Watched, Watches
from peerstor.tree.ways import leads_to
from peerstor.web.folderview import View
from peerstor.web.listed import Listed

ROOM = 16 << 20
"""Bytes of all listings that are kept; the least recently used go."""

BESIDE = 4 << 10
"""Bytes that a listing costs beside its body and its name: a page may well be empty, and is still kept."""

LARGEST = 1 << 20
"""Bytes of a listing that is kept: about four thousand entries."""

LASTS = 2.0
"""Seconds for which a listing is given again. What no watch tells of (`tree/watches.py`) shows after that."""

ONCE = 1024
"""Looks that are remembered to have been asked for once: only who asks again makes watches worth their while."""

PAUSE = 0.25
"""Seconds after which it is tried again to keep what couldn't be."""


@frozen(eq=False)
class Kept:
    """A listing that is kept.

    :ivar began: when the folder began to be read, seconds of the clock.
    """

    view: View
    listed: Listed
    since: Since
    began: float

    @property
    def cost(self) -> int:
        """Bytes that it takes in memory, about."""
        view = self.view
        return BESIDE + len(self.listed.body) + len(view.path.joined) + 4 * len(view.wanted.cursor or "")


class KeptListings:
    """Listings that may be given again. For the reactor's thread; nothing here blocks.

    :ivar watches: know of the folders whether they changed.
    """

    def __init__(self, *, sandbox: Sandbox, clock: IReactorTime) -> None:
        """Keep nothing yet."""
        self.watches = Watches(sandbox.root)
        self._sandbox = sandbox
        self._clock = clock
        self._kept: OrderedDict[View, Kept] = OrderedDict()
        # What was asked for, and from when on it is worth keeping.
        self._asked: OrderedDict[View, float] = OrderedDict()
        self._bodies: dict[Watched, int] = {}
        self._size = 0

    @property
    def size(self) -> int:
        """Bytes of all that is kept."""
        return self._size

    def now(self) -> float:
        """Give the time, for `keep`."""
        return self._clock.seconds()

    def find(self, view: View) -> Kept | None:
        """Give a listing that is what the folder would say if it were read now; None where that isn't known."""
        kept = self._kept.get(view)
        if kept is None:
            return None
        if not self.holds(kept):
            self._forget(kept, leave=False)  # it will be read, and kept, again
            return None
        self._kept.move_to_end(view)
        return kept

    def holds(self, kept: Kept) -> bool:
        """Tell whether a listing is what the folder would say if it were read now, as far as that is known."""
        return (
            self.now() - kept.began <= LASTS
            and leads_to(self._sandbox, kept.view.path) == kept.since.folder.identity
            and self.watches.holds(kept.since)
        )

    def worth_keeping(self, view: View) -> bool:
        """Tell whether a listing that has to be read is worth keeping: not at the first time."""
        now = self.now()
        worth = self._asked.get(view, now + 1) <= now
        self._asked.setdefault(view, now)
        self._asked.move_to_end(view)
        if len(self._asked) > ONCE:
            self._asked.popitem(last=False)
        return worth

    def keep(self, view: View, listed: Listed, since: Since | None, began: float) -> Kept | None:
        """Keep a listing.

        :param since: what `Watches.settle` has agreed to; None if it hasn't.
        :param began: `now` before the folder was read.
        :return: what is kept; None where it can't be, or something has changed already.
        """
        kept = None if since is None else Kept(view, listed, since, began)
        if kept is None or len(listed.body) > LARGEST or not self.holds(kept):
            self._asked[view] = self.now() + PAUSE
            return None
        if view in self._kept:
            self._forget(self._kept[view], leave=False)
        self._kept[view] = kept
        self._bodies[kept.since.folder] = self._bodies.get(kept.since.folder, 0) + 1
        self._size += kept.cost
        while self._size > ROOM:
            self._forget(next(iter(self._kept.values())), leave=True)
        return kept

    def _forget(self, kept: Kept, *, leave: bool) -> None:
        """Keep a listing no more.

        :param leave: whether its folder need not be watched either, unless for another listing.
        """
        del self._kept[kept.view]
        self._size -= kept.cost
        folder = kept.since.folder
        self._bodies[folder] -= 1
        if not self._bodies[folder]:
            del self._bodies[folder]
            if leave:
                self.watches.leave(folder)


class Again:
    """A listing as an answer that may be given again to the same request, for as long as it is kept."""

    def __init__(self, listings: KeptListings, kept: Kept) -> None:
        """Point to it, and not hold it: what is kept is bounded elsewhere."""
        self._listings = listings
        self._kept = weakref.ref(kept)

    def content(self) -> bytes | None:
        """See `peerstor.http.repeats.Source`."""
        kept = self._kept()
        return kept.listed.body if kept is not None and self._listings.holds(kept) else None
