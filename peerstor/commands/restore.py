"""`peerstor restore FILE`: the state of a storage out of a backup, all of it or nothing."""

import contextlib
import os
import sqlite3
import sys
import time
from collections.abc import Sequence
from typing import IO

from attrs import evolve
from twisted.python.usage import UsageError

from peerstor.commands.archive import BadArchive, Manifest, unpack
from peerstor.commands.backup import ended_by_signals, only_file
from peerstor.commands.exchange import Moves, signals_held
from peerstor.commands.options import StorageOptions, line_of
from peerstor.commands.place import Place, claimed_place
from peerstor.commands.statefiles import KNOWN, state_files
from peerstor.commands.words import spelled_time
from peerstor.daemon.scratch import scratch_folder
from peerstor.databases import COMPANIONS, examine
from peerstor.errors import Fault, StartupError
from peerstor.tree.private import PrivateFolder
from peerstor.uploads.restored import settle_restored


class Restore(StorageOptions):
    """`peerstor restore FILE`."""

    synopsis = "Usage: peerstor restore FILE [options]"
    longdesc = (
        "Puts the state that `peerstor backup` wrote to a file in the place of a storage's, all of it or nothing."
        " The server must not run. Without --force, state that is there is left alone; with it, it is set aside."
    )
    optFlags = [["force", None, "Restore over state that is there. It is kept in a folder beside."]]  # noqa: RUF012
    file: bytes

    def parseArgs(self, *files: str) -> None:
        """Take the file's name."""
        self.file = only_file(files)


def run(arguments: Sequence[str]) -> None:
    """Do what a command line asks for.

    :param arguments: what stands behind `restore`.
    :raise SystemExit: with one line when it can't be done.
    """
    options = Restore()
    try:
        options.parseOptions(list(arguments))
        with (
            ended_by_signals(),
            _opened(options.file) as file,
            claimed_place(options.settings) as (place, private, fresh),
        ):
            _check_vacant(place, private, force=bool(options["force"]))
            with scratch_folder(place.folder) as folder:
                manifest = _unpacked(file, folder, options.file)
                if fresh:
                    place = _as_before(place, private, manifest)
                with signals_held():
                    kept = _exchange(place, private, folder, manifest)
                    _tell(manifest, kept)
    except (UsageError, Fault, OSError) as error:
        raise SystemExit(f"peerstor: {line_of(error, 'restore')}") from None


def _tell(manifest: Manifest, kept: bytes | None) -> None:
    print(f"restored {', '.join(manifest.members)} of {spelled_time(manifest.made)}")
    if kept is not None:
        print(f"What was there is in {kept.decode('utf-8', 'backslashreplace')}.", file=sys.stderr)


def _opened(path: bytes) -> IO[bytes]:
    try:
        return open(path, "rb")
    except OSError as error:
        raise StartupError(
            f"{path.decode('utf-8', 'backslashreplace')} can't be read: {error.strerror}."
        ) from None


def _check_vacant(place: Place, private: PrivateFolder, *, force: bool) -> None:
    if force:
        return
    if private.restoring:
        raise StartupError("A restore into this storage was cut off. Do it again, with --force.")
    for path in _present(place):
        raise StartupError(
            f"This storage has state already ({path.decode('utf-8', 'backslashreplace')}). --force puts the backup"
            " in its place, and keeps it in a folder beside."
        )


def _present(place: Place) -> list[bytes]:
    """List the files of the state that are there, the databases' logs before them and first of all.

    A log without its database says nothing; a log beside another database would ruin that one.
    """
    paths = list(state_files(place.folder, place.instance_id).values())
    ends = [*COMPANIONS, b""]
    return [path + end for end in ends for path in paths if os.path.lexists(path + end)]


def _unpacked(file: IO[bytes], folder: bytes, name: bytes) -> Manifest:
    """Unpack and check a backup, and make its ledger claim only what still holds.

    :raise StartupError: it isn't whole, or not for this version.
    """
    shown = name.decode("utf-8", "backslashreplace")
    try:
        manifest = unpack(file, folder)
        if "access.key" in manifest.members and "access.sqlite" not in manifest.members:
            raise BadArchive("it has the key of the tokens, and not their database")
        for member, known in KNOWN.items():
            if member in manifest.members:
                _check_schema(member, examine(os.path.join(folder, member.encode())), known, manifest)
        if "uploads.sqlite" in manifest.members:
            settle_restored(os.path.join(folder, b"uploads.sqlite"), time.time())
    except BadArchive as error:
        raise StartupError(f"{shown} can't be restored: {error}.") from None
    except StartupError as error:
        raise StartupError(f"{shown} can't be restored. {error}") from None
    except sqlite3.Error as error:
        raise StartupError(f"{shown} can't be restored: a database in it is unusable ({error}).") from None
    return manifest


def _check_schema(member: str, version: int, known: int, manifest: Manifest) -> None:
    if version > known:
        raise StartupError(
            f"Its {member} was written by a newer PeerStor, {manifest.peerstor!r} (version {version} of it, this"
            f" one knows {known}). Restore it with that one."
        )
    if version < 1:
        raise BadArchive(f"{member} is no database of PeerStor's")


def _as_before(place: Place, private: PrivateFolder, manifest: Manifest) -> Place:
    """Have a new storage known by the id of the one that was backed up, unless that one's state lies here too."""
    before = evolve(place, instance_id=manifest.instance_id)
    if _present(before):
        return place
    private.adopt(manifest.instance_id)
    return before


def _exchange(place: Place, private: PrivateFolder, folder: bytes, manifest: Manifest) -> bytes | None:
    """Put the unpacked files in the place of those that are there; give the folder where these are now.

    What fails is taken back. What a crash cuts off, or can't be taken back, leaves a mark with which no server
    starts.
    """
    targets = state_files(place.folder, place.instance_id)
    aside = _aside(place)
    moves = [(path, os.path.join(aside, os.path.basename(path))) for path in _present(place)]
    kept = aside if moves else None
    if kept is not None:
        os.mkdir(kept, 0o700)
    moves += [(os.path.join(folder, name.encode()), targets[name]) for name in manifest.members]
    exchange = Moves(moves)
    # A restore that was cut off before has left the state broken, and it is so again when this one is taken back.
    broken = private.restoring
    try:
        private.begin_restoring()
        exchange.make()
    except BaseException as error:
        try:
            exchange.take_back()
        except OSError as again:
            raise StartupError(_left(error, again, kept)) from error
        if kept is not None:
            with contextlib.suppress(OSError):
                os.rmdir(kept)
        if not broken:
            private.end_restoring()
        raise
    private.end_restoring()
    return kept


def _left(error: BaseException, again: OSError, kept: bytes | None) -> str:
    """Say that a storage was left with the mark."""
    reasons = [getattr(one, "strerror", None) or str(one) or type(one).__name__ for one in (error, again)]
    return (
        f"The restore failed ({reasons[0]}), and what it had done can't be taken back ({reasons[1]}). No server"
        " starts on this storage before it is done again: peerstor restore FILE --force."
        + ("" if kept is None else f" What was there is in {kept.decode('utf-8', 'backslashreplace')}.")
    )


def _aside(place: Place) -> bytes:
    """Name a folder that isn't there, for what is set aside."""
    stem = f"before-restore-{place.instance_id[:16]}-{time.strftime('%Y%m%d-%H%M%S')}"
    path, number = os.path.join(place.folder, stem.encode()), 1
    while os.path.lexists(path):
        number += 1
        path = os.path.join(place.folder, f"{stem}-{number}".encode())
    return path
