"""`peerstor backup FILE`: the state of a storage in one file, while its server runs or not."""

import contextlib
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from twisted.python.usage import UsageError

from peerstor import __version__
from peerstor.access.database import check_not_gone
from peerstor.commands.archive import Manifest, measured, new_file, write_archive
from peerstor.commands.options import StorageOptions, line_of
from peerstor.commands.place import Place, place_of
from peerstor.commands.statefiles import KNOWN, state_files
from peerstor.commands.words import spelled_size
from peerstor.daemon.exposure import lies_in
from peerstor.daemon.scratch import scratch_folder
from peerstor.databases import copy_exclusive, copy_shared, examine
from peerstor.errors import Fault, StartupError
from peerstor.secretfiles import read_secret, write_secret

NOT_IN_IT = (
    "Not in it: the files themselves, unfinished uploads' bytes, the trash, logs, settings, and a certificate of"
    " your own (--cert)."
)


class Backup(StorageOptions):
    """`peerstor backup FILE`."""

    synopsis = "Usage: peerstor backup FILE [options]"
    longdesc = (
        "Writes the state of a storage (tokens, sessions, share links, uploads, keys, the certificate that"
        f" PeerStor made) to one file, for its owner alone, while the server runs or not. {NOT_IN_IT}"
    )
    file: bytes

    def parseArgs(self, *files: str) -> None:
        """Take the file's name."""
        self.file = only_file(files)


def only_file(files: Sequence[str]) -> bytes:
    """Give the absolute path of the one file that a command was given.

    :raise UsageError: there is none, or more.
    """
    if len(files) != 1 or not files[0]:
        raise UsageError(f"One file is needed, not {len(files)}.")
    return os.path.abspath(os.fsencode(files[0]))


def run(arguments: Sequence[str]) -> None:
    """Do what a command line asks for.

    :param arguments: what stands behind `backup`.
    :raise SystemExit: with one line when it can't be done.
    """
    options = Backup()
    try:
        options.parseOptions(list(arguments))
        _refuse_in_storage(options.file, options.settings.storage)
        with ended_by_signals(), new_file(options.file) as file:
            with place_of(options.settings) as place, scratch_folder(place.folder) as folder:
                paths, schemas = _collect(place, folder)
                manifest = Manifest(
                    peerstor=__version__,
                    made=time.time(),
                    instance_id=place.instance_id,
                    schemas=schemas,
                    members={name: measured(path) for name, path in paths.items()},
                )
                write_archive(file, manifest, paths)
            size = file.tell()
    except (UsageError, Fault, OSError) as error:
        raise SystemExit(f"peerstor: {line_of(error, 'backup')}") from None
    shown = options.file.decode("utf-8", "backslashreplace")
    print(f"backed up {', '.join(paths)} to {shown} ({spelled_size(size)})")
    print(NOT_IN_IT, file=sys.stderr)


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Have what was begun put away also when the process is told to end."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _refuse_in_storage(file: bytes, storage: bytes) -> None:
    """Refuse to write secrets where they would be served."""
    # A link is replaced, wherever it leads.
    if lies_in(os.path.dirname(file), storage):
        raise StartupError("A backup holds secrets, and in the storage it would be served. Write it elsewhere.")


def _collect(place: Place, folder: bytes) -> tuple[dict[str, bytes], dict[str, int]]:
    """Copy what there is; give the copies' paths and the versions of the databases' schemas."""
    paths, schemas = {}, {}
    files = state_files(place.folder, place.instance_id)
    check_not_gone(files["access.sqlite"], files["access.key"])
    for name, path in files.items():
        if name == "access.key" and "access.sqlite" not in paths:
            continue  # made a moment ago, with the database: neither counts
        copy = os.path.join(folder, name.encode())
        if name in _DATABASES:
            if not _database(name, path, copy):
                continue
            schemas[name] = examine(copy)
        elif not _secret(path, copy):
            continue
        paths[name] = copy
    if not paths:
        raise StartupError("There is nothing to back up: no server has run on this storage yet.")
    return paths, schemas


_DATABASES: dict[str, Callable[[bytes, bytes], bool]] = {
    "uploads.sqlite": copy_exclusive,
    "access.sqlite": copy_shared,
}


def _database(name: str, path: bytes, copy: bytes) -> bool:
    try:
        if not _DATABASES[name](path, copy):
            return False
        version = examine(copy)
    except sqlite3.Error as error:
        raise StartupError(f"{path.decode('utf-8', 'backslashreplace')} can't be backed up: {error}.") from None
    if version > KNOWN[name]:
        raise StartupError(
            f"{path.decode('utf-8', 'backslashreplace')} was written by a newer PeerStor (version {version} of it,"
            f" this one knows {KNOWN[name]}). Use that one."
        )
    return True


def _secret(path: bytes, copy: bytes) -> bool:
    content = read_secret(*os.path.split(path))
    if content is None:
        return False
    write_secret(*os.path.split(copy), content)
    return True
