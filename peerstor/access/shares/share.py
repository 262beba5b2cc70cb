"""A share link: what it shows or takes, to whom, and for how long."""

from __future__ import annotations

import secrets
from enum import Enum

from attrs import field, frozen

from peerstor.access.rights import Grant, Principal, Right

ID_BYTES = 16
"""Of random: nobody finds a link by trying, so who has one was given it."""

TOLD = 8
"""Characters of an id that logs tell: enough to know a share by, and far from enough to open it."""


class Mode(Enum):
    """What whoever has the link may do."""

    READ = "read"
    """See and download."""

    UPLOAD = "upload"
    """Add files, and see nothing of what is there."""

    @property
    def right(self) -> Right:
        """The right that it gives, and that its maker needs beside SHARE: nobody shares what they can't do."""
        return Right.READ if self is Mode.READ else Right.CREATE


@frozen
class Share:
    """One share link.

    :param id: the secret in its address, base64url.
    :param parts: names of what is shared, from the root down.
    :param folder: whether that is a folder.
    :param maker: identity of the token that it was made with, or `OWNER`.
    :param made_by: name of that principal.
    :param created: seconds since the epoch.
    :param expires: from when on it is none any more, seconds since the epoch; None is never.
    :param password: hash of the password that is asked for; None asks for none.
    :param max_downloads: how many visits may download; None is any number.
    :param max_bytes: how much may be uploaded, bytes; None is any amount.
    :param note: of its maker, for whoever opens it.
    :param downloads: visits that have downloaded.
    :param bytes: that were uploaded.
    """

    id: str = field(repr=False)
    parts: tuple[bytes, ...]
    folder: bool
    mode: Mode
    maker: str
    made_by: str
    created: float
    expires: float | None = None
    password: str | None = field(default=None, repr=False)
    max_downloads: int | None = None
    max_bytes: int | None = None
    note: str = ""
    downloads: int = 0
    bytes: int = 0

    @property
    def identity(self) -> str:
        """What the keyring knows it by."""
        return f"share:{self.id}"

    @property
    def name(self) -> str:
        """What it is called in logs and records, which others than its maker read."""
        return f"share {self.id[:TOLD]}"

    @property
    def principal(self) -> Principal:
        """Who opens it."""
        grants = (Grant(self.parts, self.mode.right),)
        return Principal(self.name, grants, signed_in=True, credential=self.identity)

    @property
    def used_up(self) -> bool:
        """Whether there are no downloads left."""
        return self.max_downloads is not None and self.downloads >= self.max_downloads

    def has_expired(self, now: float) -> bool:
        """Tell whether it is over at a time, seconds since the epoch."""
        return self.expires is not None and now >= self.expires


@frozen
class Delivery:
    """What somebody has sent through an upload-only share.

    :param at: when, seconds since the epoch.
    :param address: of the client.
    :param sender: who they say they are.
    :param note: what they say of it.
    :param files: the wished name and the size in bytes of each file; of very many only the first.
    :param count: of the files.
    """

    at: float
    address: str
    sender: str
    note: str
    files: tuple[tuple[str, int], ...]
    count: int


def new_id() -> str:
    """Make the id of a new share."""
    return secrets.token_urlsafe(ID_BYTES)
