"""What is known of an upload: the values that pass between the ledger, the engine and its faces."""

import os
from enum import Enum

from attrs import evolve, field, frozen

from peerstor.errors import BadRequest, DigestMismatch
from peerstor.tree.paths import TreePath, check_new_name
from peerstor.uploads.digests import Digest

TEXT = 1024
"""Characters that a fingerprint may have: enough for any digest and a path; the ledger stays small."""


class State(Enum):
    """How far an upload has come."""

    PARTIAL = "partial"
    """Bytes arrive, or will."""

    PUBLISHING = "publishing"
    """The intent to rename is written; after a crash, the tree says whether it happened."""

    DONE = "done"
    """Published; the row stays for a day so that a repeated `complete` gets the same answer."""


@frozen
class UploadKey:
    """What an upload belongs to.

    :ivar principal: name of whoever uploads.
    :ivar folder: the target folder, storage-relative, `/`-joined, no leading slash; empty for the root.
    :ivar name: the wanted name in it.
    :ivar within: the floor of the path to the folder (see `TreePath`); no part of what the upload belongs to.
    """

    principal: str
    folder: bytes
    name: bytes
    within: int = field(default=0, eq=False)

    @property
    def target(self) -> TreePath:
        """The path that the upload wants to be published under."""
        parts = tuple(self.folder.split(b"/")) if self.folder else ()
        return TreePath(parts=(*parts, self.name), slash=False, within=self.within)

    def check(self) -> None:
        """Refuse a name that can't be given. Raises BadName."""
        check_new_name(self.name)


@frozen
class Stated:
    """What a caller says of the file that it uploads; None where it says nothing.

    :ivar size: bytes of the whole file.
    :ivar fingerprint: any string that tells one source file from another.
    :ivar session: a random string that a client's calls have in common.
    """

    size: int | None = None
    fingerprint: str | None = None
    session: str | None = None

    def check(self) -> None:
        """Refuse what the ledger can't hold. Raises BadRequest."""
        for text in (self.fingerprint, self.session):
            if text is not None and (len(text) > TEXT or not _is_unicode(text)):
                raise BadRequest("A fingerprint or session is text of at most {most} characters.", most=TEXT)
        if self.session == "":  # it would be everybody's who leaves it empty
            raise BadRequest("A session is a random text that nobody else has; leave it out, or fill it in.")


@frozen
class Completed:
    """A published upload.

    :ivar path: where it lies now; the name may be another than the wanted one.
    :ivar size: bytes.
    :ivar digest: BLAKE3 in hex.
    :ivar replaced: whether it took an older file's place.
    :ivar stat: of the published file, where it was published by this very call; None for a repeated answer.
    """

    path: TreePath
    size: int
    digest: str
    replaced: bool
    stat: os.stat_result | None = field(default=None, eq=False)


@frozen
class Record:
    """One row of the ledger.

    :ivar id: 128 random bits in hex; names the part file.
    :ivar offset: bytes in the part file when this was last noted; the file itself knows better while the machine
        has not restarted.
    :ivar synced: bytes that survive a power failure.
    :ivar counted: bytes that count, whatever else the part file has: what lies behind them has yet to be checked
        against its digest. None where all do.
    :ivar boot_id: the machine's boot during which the part file was last opened.
    :ivar beside: whether the part lies beside its target, on another file system than the private folder.
    :ivar created: seconds since the epoch.
    :ivar touched: when it last moved, seconds since the epoch.
    :ivar digest: BLAKE3 in hex, from the state PUBLISHING on.
    :ivar final: the name that it got, from the state PUBLISHING on.
    :ivar replaced: whether it took an older file's place.
    :ivar checked: the digest, as `str(Digest)`, that the whole file was checked against when it was published.
    """

    id: str
    key: UploadKey
    stated: Stated
    boot_id: str
    created: float
    touched: float
    beside: bool = False
    offset: int = 0
    synced: int = 0
    state: State = State.PARTIAL
    digest: str | None = None
    final: bytes | None = None
    replaced: bool = False
    counted: int | None = None
    checked: str | None = None

    def is_other(self, stated: Stated, offset: int) -> bool:
        """Tell whether a caller speaks of another file than the one that was begun.

        A stated fingerprint has to be the known one: where none is known, nothing says that it is the same file.
        A size that was not known at the beginning may be stated later, as long as it fits. An upload without a
        byte is nobody's.

        :param offset: bytes that have arrived.
        """
        if offset == 0:
            return False
        if stated.fingerprint is not None and stated.fingerprint != self.stated.fingerprint:
            return True
        if stated.size is None:
            return False
        return stated.size != self.stated.size if self.stated.size is not None else stated.size < offset

    def restated(self, stated: Stated, offset: int) -> Stated:
        """What the upload states once a caller that isn't `is_other` goes on with it.

        :param offset: bytes that have arrived.
        """
        session = stated.session or self.stated.session
        if offset:
            size = stated.size if self.stated.size is None else self.stated.size
            return evolve(self.stated, size=size, session=session)
        if self.is_other(stated, 1):
            return stated
        return Stated(
            size=stated.size if stated.size is not None else self.stated.size,
            fingerprint=stated.fingerprint or self.stated.fingerprint,
            session=session,
        )

    def answers(self, size: int, stated: Stated, *, stands: bool) -> bool:
        """Whether a `complete` only asks again how this upload was published.

        The client that published it, which its session shows, is told so whatever has become of the file. From
        any other, the same words may speak of a file that is to be stored again: because it was deleted, or
        because it is an empty one, of which no chunk comes first.

        :param size: bytes that the caller says the whole file has.
        :param stands: whether the file still lies where it was published.
        """
        if self.state is not State.DONE or size != self.offset:
            return False
        if stated.fingerprint is not None and stated.fingerprint != self.stated.fingerprint:
            return False
        return stands if stated.session is None else stated.session == self.stated.session

    def confirm(self, said: Digest | None) -> None:
        """Check a repeated `complete` against what is known of the file as it was published.

        The file itself may be another one by now, so it is not asked.

        :raise DigestMismatch: it was another.
        :raise BadRequest: that digest was not looked at when it was published.
        """
        if said is None:
            return
        known = {f"blake3:{self.digest}", self.checked}
        if str(said) in known:
            return
        if any(one is not None and one.startswith(f"{said.algorithm}:") for one in known):
            raise DigestMismatch()
        raise BadRequest("This is stored already, and was not checked by that digest then; its blake3 is known.")

    def answer(self) -> Completed:
        """How it was published; for the state DONE."""
        assert self.final is not None and self.digest is not None
        return Completed(
            path=self.key.target.parent.child(self.final),
            size=self.offset,
            digest=self.digest,
            replaced=self.replaced,
        )


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
