"""The rights of `http.md`, section 3, where they hold, and who holds them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Flag, auto
from functools import cache

from attrs import frozen


class Right(Flag):
    """What a principal may do below some path."""

    NONE = 0
    READ = auto()  # list and download
    CREATE = auto()  # add new names
    CHANGE = auto()  # replace, delete, move
    SHARE = auto()  # make links for others
    ADMIN = auto()  # all that concerns the server itself


@cache
def single(rights: Right) -> tuple[Right, ...]:
    """Give the rights of several one by one, in the order of their declaration.

    The language does that too, anew each time: this is asked at every request.
    """
    return tuple(rights)


EVERY = Right.READ | Right.CREATE | Right.CHANGE | Right.SHARE | Right.ADMIN


@frozen
class Grant:
    """Rights that hold for a path and all below it.

    :param parts: the names from the storage's root down; none for the whole storage.
    """

    parts: tuple[bytes, ...]
    rights: Right

    def covers(self, parts: Sequence[bytes]) -> bool:
        """Tell whether a path is the grant's own or lies below it."""
        return not self.parts or tuple(parts[: len(self.parts)]) == self.parts


@frozen
class Principal:
    """Who makes a request.

    :param name: as it stands in logs and records; part of the identity of an upload.
    :param grants: what they may do, and where; several add up.
    :param signed_in: whether they proved who they are.
    :param credential: identity of the token or share that they came with; when that one ends, so do their
        transfers. None for somebody who came with nothing.
    """

    name: str
    grants: tuple[Grant, ...]
    signed_in: bool = False
    credential: str | None = None

    def floor(self, right: Right, parts: Sequence[bytes]) -> int | None:
        """Tell how far up a right reaches that holds for a path.

        :param right: one right, or several that are all needed.
        :return: the count of leading parts of the widest grant that has it: the path may be reached through
            whatever lies below those, and nothing else. None when no single grant has it.
        """
        floors = [len(grant.parts) for grant in self.grants if right in grant.rights and grant.covers(parts)]
        return min(floors, default=None)

    def may(self, right: Right, parts: Sequence[bytes]) -> bool:
        """Tell whether a right holds for a path."""
        return self.floor(right, parts) is not None

    def may_beside(self, right: Right, parts: Sequence[bytes]) -> bool:
        """Tell whether a right holds for the names beside a path too, and not for the path alone."""
        return self.may(right, parts[:-1])

    def may_somewhere(self, right: Right) -> bool:
        """Tell whether a right holds for any path at all."""
        return any(right in grant.rights for grant in self.grants)
