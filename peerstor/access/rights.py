"""The rights of `http.md`, section 3, and who holds them."""

from enum import Flag, auto

from attrs import frozen


class Right(Flag):
    """What a principal may do, in the whole storage."""

    NONE = 0
    READ = auto()  # list and download
    CREATE = auto()  # add new names
    CHANGE = auto()  # replace, delete, move
    SHARE = auto()  # make links for others
    ADMIN = auto()  # all that concerns the server itself


@frozen
class Principal:
    """Who makes a request.

    :param name: as it stands in logs and records; part of the identity of an upload.
    :param rights: what they may do.
    :param signed_in: whether they proved who they are.
    """

    name: str
    rights: Right
    signed_in: bool = False

    def may(self, right: Right) -> bool:
        """Tell whether all of `right` is among the rights."""
        return right in self.rights
