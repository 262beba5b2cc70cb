"""Part files on a disk where something else gives way to them."""

import errno
import os

from peerstor.uploads.parts import PartStore, new_id
from tests.tree.scaffold import StorageCase


class Spare:
    """Holds some bytes, and gives one of them at a time."""

    def __init__(self, held: int) -> None:
        self.held = held
        self.asked = 0

    def gives(self, fd: int) -> int:
        os.fstat(fd)
        return self.held

    def give_way(self, fd: int) -> bool:
        os.fstat(fd)
        self.asked += 1
        self.held = max(0, self.held - 1)
        return self.held > 0


class SpareTests(StorageCase):
    def write(self, spare: Spare | None, *outcomes: int) -> int | None:  # type: ignore[override]
        """Write to a part whose disk answers with errors, and 0 for none; give which error came of it."""
        answers = iter(outcomes)

        def pwrite(fd: int, data: memoryview, position: int) -> int:
            if number := next(answers, 0):
                raise OSError(number, os.strerror(number))
            return os.pwrite(fd, data, position)

        store = PartStore(private=self.private, pwrite=pwrite, spare=spare)
        part = store.create(new_id(), beside=False, folder_fd=self.root_fd)
        try:
            part.write(memoryview(b"bytes"), 0)
        except OSError as error:
            return error.errno
        finally:
            store.discard(part)
        return None

    def test_gives_way(self) -> None:
        """A write that finds the disk full is made again while something gives way, and once more after that."""
        full = errno.ENOSPC
        for held, outcomes, asked in ((3, (full,), 1), (3, (full, full), 2), (0, (full,), 1), (1, (full,), 1)):
            spare = Spare(held)
            self.assertIsNone(self.write(spare, *outcomes))
            self.assertEqual(spare.asked, asked)
        self.assertIsNone(self.write(Spare(3), errno.EDQUOT))

    def test_full_all_the_same(self) -> None:
        """A disk that stays full is full, and what isn't a matter of room asks nobody to give way."""
        full, spare = errno.ENOSPC, Spare(3)
        self.assertEqual(self.write(spare, *[full] * 9), full)
        self.assertEqual(spare.held, 0)
        spare = Spare(3)
        self.assertEqual((self.write(spare, errno.EIO), spare.asked), (errno.EIO, 0))
        self.assertEqual(self.write(None, full), full)

    def test_counts_as_free(self) -> None:
        """What would give way is free for an upload."""
        much = 1 << 50
        with_it, without = (PartStore(private=self.private, spare=spare) for spare in (Spare(much), None))
        for beside in (False, True):
            self.assertGreaterEqual(with_it.free(self.root_fd, beside=beside), much)
            self.assertLess(without.free(self.root_fd, beside=beside), much)
