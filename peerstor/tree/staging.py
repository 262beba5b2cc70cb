"""Private names beside a target, under which something is built that a rename then publishes."""

import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from peerstor.errors import BadPath, Fault, NotFound
from peerstor.tree.contents import remove
from peerstor.tree.faults import fault_of
from peerstor.tree.pace import Pace
from peerstor.tree.paths import TreePath, quote_name
from peerstor.tree.private import PrivateFolder
from peerstor.tree.sandbox import Opened, Sandbox
from peerstor.tree.scanning import scanned
from peerstor.tree.syncing import sync_folder

_NOTE = re.compile(r"copy-(?P<id>[0-9a-f]{32})\Z")


class Stage:
    """Gives private names, and removes what stands under them. All methods block; call them in a thread.

    What is built lies as `.peerstor-<id>.copy` in the folder that it is meant for: a rename within one folder
    works wherever that is mounted. A note in the private folder, `parts/copy-<id>`, says where; by it the next
    start finds what a crash has left.
    """

    def __init__(self, *, private: PrivateFolder, sandbox: Sandbox, fsync: bool) -> None:
        """Keep notes in `private`.

        :param fsync: whether a note is on the disk before anything is built.
        """
        self._private = private
        self._sandbox = sandbox
        self._fsync = fsync
        # Whatever this process builds: a sweep leaves it alone.
        self._own: set[str] = set()

    @contextmanager
    def beside(self, folder: Opened) -> Iterator[bytes]:
        """Give a name in an open folder for the length of a `with`; what still has it in the end is removed.

        :raise OSError: the note could not be written.
        """
        id_ = secrets.token_hex(16)
        self._own.add(id_)
        try:
            self._write_note(id_, folder)
            name = b".peerstor-%s.copy" % id_.encode()
            try:
                yield name
            finally:
                if remove(folder.fd, os.fsdecode(name), Pace()):
                    self._drop_note(id_)
        finally:
            self._own.discard(id_)

    def sweep(self) -> int:
        """Remove what an earlier process was building when it was killed; tell how many things it was.

        What can't be reached now stays for the next start.

        :raise StorageUnavailable: the notes can't be read.
        """
        own = set(self._own)
        try:
            with scanned(self._private.parts_fd) as entries:
                found = [match["id"] for entry in entries if (match := _NOTE.match(entry.name))]
        except OSError as error:
            raise fault_of(error) from error
        return sum(self._remove(id_) for id_ in found if id_ not in own and id_ not in self._own)

    def _remove(self, id_: str) -> bool:
        try:
            with self._sandbox.folder(self._place(id_)) as folder:
                gone = remove(folder.fd, f".peerstor-{id_}.copy", Pace())
        except NotFound:
            gone = True
        except (Fault, OSError):
            gone = False
        if gone:
            self._drop_note(id_)
        return gone

    def _place(self, id_: str) -> TreePath:
        fd = os.open(f"copy-{id_}", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._private.parts_fd)
        with open(fd, "rb") as file:
            try:
                return TreePath.from_url(json.load(file)["href"].encode("ascii"))
            except (BadPath, ValueError, KeyError, TypeError, AttributeError) as error:
                raise NotFound() from error  # cut off by a crash, before anything was built

    def _write_note(self, id_: str, folder: Opened) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(f"copy-{id_}", flags, 0o600, dir_fd=self._private.parts_fd)
        try:
            with open(fd, "w", encoding="ascii") as file:
                json.dump({"href": "/" + "/".join(map(quote_name, folder.real))}, file)
                file.flush()
                if self._fsync:
                    os.fsync(fd)
            if self._fsync:
                sync_folder(self._private.parts_fd)
        except BaseException:
            self._drop_note(id_)
            raise

    def _drop_note(self, id_: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(f"copy-{id_}", dir_fd=self._private.parts_fd)
