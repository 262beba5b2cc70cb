"""Finding a storage's state from the command line, and acting as the user that it belongs to."""

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pwd import getpwuid

from attrs import frozen

from peerstor.daemon.exposure import refuse_exposed_state
from peerstor.daemon.readiness import prepare_folder
from peerstor.errors import StartupError
from peerstor.settings import Settings
from peerstor.tree.private import NAME, PrivateFolder
from peerstor.uploads.ledger import Ledger

STARTING = 2.0
"""Seconds that a server which has just been started may take to make its ledger."""


@frozen
class Place:
    """Where the databases and secrets of a storage lie.

    :param storage: path of the storage folder.
    :param folder: path of the folder for its state.
    :param instance_id: of the storage, 32 hex digits.
    """

    storage: bytes
    folder: bytes
    instance_id: str


@contextmanager
def place_of(settings: Settings) -> Iterator[Place]:
    """Find a storage's state, making what is missing of it but the storage.

    While the context is entered, root is the user that the private folder belongs to: what is made is to be read
    by the server, which mostly runs as somebody else.

    :raise StartupError: there is no such storage, or this user may not use it, or its server keeps its state in
        another folder, or clients reach that, or the state is being exchanged for a backup's.
    """
    refuse_exposed_state(settings)
    with _acting_as(_owner(settings.storage)):
        instance_id, server = _private_folder(settings.storage)
        if settings.state is not None:
            prepare_folder(settings.state, "state folder", mode=0o700)
        place = Place(settings.storage, settings.state or os.path.join(settings.storage, NAME), instance_id)
        if server is not None:
            _check_same_state(place, server)
        yield place


@contextmanager
def claimed_place(settings: Settings) -> Iterator[tuple[Place, PrivateFolder, bool]]:
    """Find a storage's state as `place_of` does, and let no server run on it while the context is entered.

    :return: with the place, the private folder and whether it was made just now.
    :raise StartupError: as `place_of`, or a server runs.
    """
    refuse_exposed_state(settings)
    with _acting_as(_owner(settings.storage)):
        fresh = not os.path.lexists(os.path.join(settings.storage, NAME, b"instance"))
        fd = _opened(settings.storage)
        try:
            private = PrivateFolder.open(fd, storage=settings.storage)
        finally:
            os.close(fd)
        try:
            private.acquire_lock(restoring=True)
            if settings.state is not None:
                prepare_folder(settings.state, "state folder", mode=0o700)
            folder = settings.state or os.path.join(settings.storage, NAME)
            yield Place(settings.storage, folder, private.instance_id), private, fresh
            private.release()
        finally:
            private.close()


@contextmanager
def acting_as_owner(storage: bytes) -> Iterator[None]:
    """Be the user that a storage belongs to while the context is entered, where this is root; nothing is made.

    :raise StartupError: the storage can't be looked at.
    """
    if not os.path.lexists(storage):
        yield
        return
    with _acting_as(_owner(storage)):
        yield


def _owner(storage: bytes) -> os.stat_result:
    """Tell who owns the private folder, or the storage where there is none yet."""
    shown = os.fsencode(storage).decode("utf-8", "backslashreplace")
    try:
        found = os.stat(storage)
        if not stat.S_ISDIR(found.st_mode):
            raise StartupError(
                f"There is no storage at {shown}: it is no folder. Name the storage: --storage DIR."
            )
        return os.lstat(os.path.join(storage, NAME))
    except FileNotFoundError:
        if os.path.isdir(storage):
            return found
        raise StartupError(
            f"There is no storage at {shown}. Name the folder with --storage DIR; a new one has to be made first."
        ) from None
    except OSError as error:
        raise StartupError(f"The storage {shown} can't be used: {error.strerror}.") from None


@contextmanager
def _acting_as(owner: os.stat_result) -> Iterator[None]:
    """Be the owner of something, where this is root and somebody else owns it. No account has to be known."""
    if os.geteuid() != 0 or owner.st_uid == 0:
        yield
        return
    gid, groups = os.getegid(), os.getgroups()
    try:
        os.setgroups(_groups(owner))
        os.setegid(owner.st_gid)
        os.seteuid(owner.st_uid)
    except PermissionError:
        raise StartupError(f"This process may not act as user {owner.st_uid}, whose storage it is.") from None
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(gid)
        os.setgroups(groups)


def _groups(owner: os.stat_result) -> list[int]:
    try:
        return os.getgrouplist(getpwuid(owner.st_uid).pw_name, owner.st_gid)
    except KeyError:
        return [owner.st_gid]


def _private_folder(storage: bytes) -> tuple[str, int | None]:
    """Tell the storage's id, and the process that serves it, where one does."""
    fd = _opened(storage)
    try:
        private = PrivateFolder.open(fd, storage=storage)
    finally:
        os.close(fd)
    try:
        if private.restoring:
            raise StartupError(
                f"A restore into the storage {storage.decode('utf-8', 'backslashreplace')} is under way, or was"
                " cut off. Wait for its end, or do it again: peerstor restore FILE --force."
            )
        return private.instance_id, _server(private.fd)
    finally:
        private.close()


def _opened(storage: bytes) -> int:
    try:
        return os.open(storage, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        shown = storage.decode("utf-8", "backslashreplace")
        raise StartupError(f"The storage {shown} can't be used: {error.strerror}.") from None


def _server(private_fd: int) -> int | None:
    """Tell which process wrote its id into the lock, if it lives.

    The lock itself isn't asked: a server that starts in that very moment would be told that it is taken.
    """
    fd = os.open(b"lock", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=private_fd)
    try:
        text = os.read(fd, 32).strip()
    finally:
        os.close(fd)
    if not text.isdigit():
        return None
    try:
        os.kill(int(text), 0)
    except (ProcessLookupError, OverflowError):
        return None
    except PermissionError:  # it lives, as somebody else
        pass
    return int(text)


def _check_same_state(place: Place, server: int) -> None:
    """Refuse a folder that the server which runs on the storage doesn't use: it would never hear of a change.

    Its ledger, which it makes when it starts, tells.
    """
    ledger = Ledger.path_in(place.folder, place.instance_id)
    end = time.monotonic() + STARTING
    while not os.path.exists(ledger):
        if time.monotonic() > end:
            raise StartupError(
                f"Process {server} serves this storage and keeps its state in another folder than"
                f" {place.folder.decode('utf-8', 'backslashreplace')}. Name that one with --state DIR, as it was"
                " told to the server."
            )
        time.sleep(0.05)
