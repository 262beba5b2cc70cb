"""Which name a complete file gets, and how it gets it: in an open folder, with nothing lost that had the name."""

import os
import stat
from collections.abc import Callable
from enum import Enum

from attrs import frozen

from peerstor.errors import Exists, Fault, Forbidden
from peerstor.tree.doubles import Doubles
from peerstor.tree.paths import TreePath, check_new_name
from peerstor.tree.placing import Part, add_name, free_name, give_own_name, lstat
from peerstor.tree.sandbox import Opened, Sandbox
from peerstor.tree.trash import Trash

# How often a name that somebody outside PeerStor takes in the last moment is chosen anew.
TRIES = 100

Check = Callable[[os.stat_result | None], None]
Intent = Callable[[bytes], None]


class Conflict(Enum):
    """What to do when the name is taken."""

    RENAME = "rename"
    REPLACE = "replace"
    REFUSE = "refuse"


@frozen
class Order:
    """What is asked for, with nothing left out; see `Publisher.publish` for what each means."""

    target: TreePath
    conflict: Conflict
    by: str
    may_replace: bool
    check: Check
    intent: Intent
    copying: Callable[[], None]


class Namer:
    """Gives parts their names. Blocks; the caller has the turn at the folder."""

    def __init__(self, *, sandbox: Sandbox, trash: Trash) -> None:
        """Give names in `sandbox`; what is replaced goes to `trash`."""
        self._sandbox = sandbox
        self._trash = trash

    def take(self, part: Part, folder: Opened, order: Order, doubles: Doubles) -> tuple[bytes, bool]:
        """Give the part its name.

        :param doubles: copies of what is replaced, for where that can't have a second name.
        :return: the name, and whether something was replaced.
        :raise Exists, Forbidden, BadName: as `Publisher.publish`, or what the order's check raises.
        :raise Uncopied: such a copy is lacking; nothing has changed.
        :raise OSError: the disk didn't let us.
        """
        if part.nameless and self._takes_free(part, folder, order):
            return order.target.name, False
        for _ in range(TRIES):
            present = lstat(folder, order.target.name)
            seen = None if present is None else self._sandbox.lookup(folder, order.target.name)
            order.check(seen)
            name = choose(
                folder,
                order.target.name,
                conflict=order.conflict,
                may_replace=order.may_replace,
                present=present,
                seen=seen,
            )
            order.intent(name)
            if present is not None and name == order.target.name:
                self._replace(part, folder, order, doubles)
                return name, True
            if add_name(part, folder, name):
                return name, False
        raise Exists()

    def _takes_free(self, part: Part, folder: Opened, order: Order) -> bool:
        """Give the part the wanted name without a look, where it is free and nothing speaks against a free one.

        Nearly all names are free, and those who store many small files wait for each call to the disk.
        """
        name = order.target.name
        try:
            check_new_name(name)
            order.check(None)
        except Fault:
            return False  # the name may be taken, where that doesn't count
        order.intent(name)
        return add_name(part, folder, name)

    def _replace(self, part: Part, folder: Opened, order: Order, doubles: Doubles) -> None:
        name, real = order.target.name, (*folder.real, order.target.name)
        kept = self._trash.keep_file(folder.fd, name, order.target, order.by, real, doubles=doubles)
        try:
            if part.nameless:
                give_own_name(part)
            os.rename(part.name, name, src_dir_fd=part.dir_fd, dst_dir_fd=folder.fd)
        except BaseException:
            self._trash.discard(kept, folder.fd)
            raise


def choose(
    folder: Opened,
    name: bytes,
    *,
    conflict: Conflict,
    may_replace: bool,
    present: os.stat_result | None,
    seen: os.stat_result | None,
    known: bool = False,
) -> bytes:
    """Settle which name something gets; the wanted one, if it is taken, only to replace what has it.

    :param present: what lstat says of the wanted one.
    :param seen: what a reader sees there.
    :param known: whether the name isn't new in this storage, so that even an odd one may stay.
    :raise Exists, Forbidden, BadName: as `Publisher.publish`.
    """
    if present is None:
        if not known:
            check_new_name(name)
        return name
    if conflict is Conflict.RENAME:
        if not known:
            check_new_name(name)
        return free_name(folder, name)
    if conflict is Conflict.REFUSE or any(stat.S_ISDIR(one.st_mode) for one in (present, seen or present)):
        raise Exists()
    if not may_replace:
        raise Forbidden()
    return name
