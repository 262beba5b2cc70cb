"""Several small files in one visit to the disk: looked at, written, synced and named together."""

import errno
from collections.abc import Sequence

from attrs import define, frozen
from blake3 import blake3
from twisted.logger import Logger

from peerstor.errors import DigestMismatch, NoSpace
from peerstor.tree.folders import Folders
from peerstor.tree.publish import Outcome, Publisher, Unsettled
from peerstor.tree.sandbox import Opened, Sandbox
from peerstor.uploads.digests import Checks
from peerstor.uploads.disk import disk_fault
from peerstor.uploads.effort import Effort
from peerstor.uploads.parts import OpenPart, PartStore
from peerstor.uploads.records import Completed
from peerstor.uploads.terms import Terms

_log = Logger()


class Elsewhere(Exception):
    """It takes more than a rename: the private folder is on another disk, or what is replaced must be copied."""


@define(eq=False)
class Small:
    """One small file.

    :ivar data: all of its bytes; None while they have yet to come, so that there is only to be looked.
    :ivar begun: whether nothing spoke against it before its bytes.
    """

    terms: Terms
    data: bytes | None = None
    begun: bool = False


@frozen
class _Draft:
    """One that lies in a part file."""

    small: Small
    part: OpenPart
    size: int
    digest: str


class Storer:
    """Stores small files. Blocks; call it in a thread, in several at once if need be.

    Each file gets what `Receiver` and `Publisher` promise it, whatever becomes of the others.
    """

    def __init__(self, *, parts: PartStore, publisher: Publisher, sandbox: Sandbox) -> None:
        """Store by means of the engine's collaborators."""
        self._parts = parts
        self._publisher = publisher
        self._sandbox = sandbox
        self.effort = Effort()
        """What it takes so far, without syncs."""

    def visit(self, smalls: Sequence[Small]) -> list[Completed | Exception | None]:
        """Store those that have their bytes, and look whether the others may come.

        :return: for each what became of it: a fault, `Elsewhere`, or None where there was only to be looked.
        """
        outcomes: dict[int, Completed | Exception | None] = {}
        drafts: dict[int, _Draft] = {}
        with Folders(self._sandbox) as folders:
            places = _Places(self._parts)
            with self.effort.measured(sum(small.data is not None for small in smalls)):
                for index, small in enumerate(smalls):
                    try:
                        folder = folders.parent_of(small.terms.target)
                        if small.data is None:
                            self._look(small, folder, places)
                            outcomes[index] = None
                        else:
                            _fit(len(small.data), places.free(folder))
                            drafts[index] = self._draft(small, small.data)
                    except Exception as error:
                        outcomes[index] = self._failed(small, folders, error)
            wishes = [draft.small.terms.wish(draft.part.part) for draft in drafts.values()]
            for index, published in zip(drafts, self._publisher.publish_all(wishes, folders), strict=True):
                outcomes[index] = self._end(drafts[index], folders, published)
        return [outcomes[index] for index in range(len(smalls))]

    def _look(self, small: Small, folder: Opened, places: "_Places") -> None:
        """Refuse what would be refused in the end."""
        small.terms.judge(self._sandbox, folder)
        _fit(small.terms.length, places.free(folder))
        small.begun = True

    def _failed(self, small: Small, folders: Folders, error: Exception) -> Exception:
        """Tell what speaks against a file that could not be stored.

        Nobody has looked what is under the name of one that came with its bytes, since the publisher does. It
        counts before all that is wrong with the bytes or the disk, as if it had been looked at first.
        """
        if isinstance(error, OSError):
            error = disk_fault(error)
        if isinstance(error, Elsewhere) or small.data is None or small.begun:
            return error
        try:
            small.terms.judge(self._sandbox, folders.parent_of(small.terms.target))
        except OSError:
            return error
        except Exception as refusal:
            return refusal
        small.begun = True
        return error

    def _draft(self, small: Small, data: bytes) -> _Draft:
        """Write the bytes to a part file, and check what was said of them."""
        part = self._parts.brief()
        try:
            _write(part, data)
            hasher = blake3()
            checks = Checks(small.terms.digests, beside=hasher)
            checks.update(data)
            if not checks.hold:
                raise DigestMismatch()
            return _Draft(small, part, len(data), hasher.hexdigest())
        except BaseException:
            self._discard(part)
            raise

    def _end(self, draft: _Draft, folders: Folders, published: Outcome) -> Completed | Exception:
        if isinstance(published, Unsettled):
            # To be judged no more: what stands under the name now is the file itself.
            self._discard(draft.part)
            draft.small.begun = True
            return published.fault
        if isinstance(published, Exception):
            self._discard(draft.part)
            if isinstance(published, OSError) and published.errno == errno.EXDEV:
                return Elsewhere()
            return self._failed(draft.small, folders, published)
        self._parts.release(draft.part)
        return Completed(
            path=published.path,
            size=draft.size,
            digest=draft.digest,
            replaced=published.replaced,
            stat=published.stat,
        )

    def _discard(self, part: OpenPart) -> None:
        try:
            self._parts.discard(part)
        except OSError as error:
            _log.warn("A part of a small file stays until the next start: {error}", error=error)


class _Places:
    """What one visit knows of the folders that it comes to."""

    def __init__(self, parts: PartStore) -> None:
        self._parts = parts
        self._free: dict[int, int] = {}

    def free(self, folder: Opened) -> int:
        """Bytes that are left for a file in this folder.

        :raise Elsewhere: a rename from the private folder doesn't lead there.
        """
        if folder.fd not in self._free:
            if self._parts.beside(folder.fd):
                raise Elsewhere()
            self._free[folder.fd] = self._parts.free(folder.fd, beside=False)
        return self._free[folder.fd]


def _fit(length: int | None, free: int) -> None:
    """Refuse what has no room, as far as its length is known."""
    if length is not None and length > free:
        raise NoSpace(free)


def _write(part: OpenPart, data: bytes) -> None:
    """Write all of it, or raise what the failure means."""
    rest, position = memoryview(data), 0
    try:
        while rest:
            count = part.write(rest, position)
            if count == 0:
                raise OSError(errno.EIO, "a write took nothing")
            position += count
            rest = rest[count:]
    except OSError as error:
        fault = disk_fault(error)
        raise (NoSpace(_free(part)) if isinstance(fault, NoSpace) else fault) from error


def _free(part: OpenPart) -> int | None:
    try:
        return part.free()
    except OSError:  # the disk that refused to write may refuse to tell
        return None
