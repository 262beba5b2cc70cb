"""How the system's errors are told."""

import errno
import os

from twisted.trial.unittest import SynchronousTestCase

from peerstor.errors import (
    BadName,
    Exists,
    Fault,
    Forbidden,
    IsFolder,
    NoParent,
    NoSpace,
    NotFound,
    Overloaded,
    StorageUnavailable,
)
from peerstor.tree.faults import fault_of, fault_of_reading, stated
from tests.tree.scaffold import StorageCase


def error(number: int) -> OSError:
    return OSError(number, os.strerror(number), b"/secret/place")


class FaultOfTests(SynchronousTestCase):
    """`fault_of` and `fault_of_reading`."""

    def test_mapping(self) -> None:
        """Each error of a file system has its fault."""
        for number, kind in (
            (errno.ENOENT, NotFound),
            (errno.ENOTDIR, NotFound),
            (errno.ELOOP, NotFound),
            (errno.ENXIO, NotFound),
            (errno.ENOSPC, NoSpace),
            (errno.EDQUOT, NoSpace),
            (errno.EMFILE, Overloaded),
            (errno.ENFILE, Overloaded),
            (errno.EEXIST, Exists),
            (errno.EISDIR, IsFolder),
            (errno.EIO, StorageUnavailable),
            (errno.EROFS, StorageUnavailable),
            (errno.ESTALE, StorageUnavailable),
            (errno.EACCES, StorageUnavailable),
            (errno.EPERM, StorageUnavailable),
        ):
            self.assertIs(type(fault_of(error(number))), kind, errno.errorcode[number])

    def test_reading(self) -> None:
        """What may not be read is forbidden to the client; all else is as in writing."""
        self.assertIsInstance(fault_of_reading(error(errno.EACCES)), Forbidden)
        self.assertIsInstance(fault_of_reading(error(errno.EPERM)), Forbidden)
        self.assertIsInstance(fault_of_reading(error(errno.EIO)), StorageUnavailable)

    def test_reason_names_the_place(self) -> None:
        """The log learns which path failed and how."""
        fault = fault_of(error(errno.EIO))
        assert isinstance(fault, StorageUnavailable)
        self.assertIn("/secret/place", fault.reason)
        self.assertIn(os.strerror(errno.EIO), fault.reason)


class StatedTests(StorageCase):
    """`stated`."""

    def stated(self, number: int) -> Fault:
        def fail() -> None:
            with stated(self.root_fd):
                raise error(number)

        return self.assertRaises(Fault, fail)  # type: ignore[no-any-return]

    def test_full_disk_tells_what_is_free(self) -> None:
        """A full disk is stated with the bytes that are left."""
        fault = self.stated(errno.ENOSPC)
        assert isinstance(fault, NoSpace)
        self.assertIsInstance(fault.free, int)

    def test_full_disk_that_tells_nothing(self) -> None:
        """A disk that does not answer is full all the same."""

        def deaf(fd: int) -> None:
            raise error(errno.EIO)

        self.patch_os("fstatvfs", deaf)
        fault = self.stated(errno.ENOSPC)
        assert isinstance(fault, NoSpace)
        self.assertIsNone(fault.free)

    def test_name_too_long_for_this_disk(self) -> None:
        """A file system with a lower limit refuses the name, not the storage."""
        self.assertIsInstance(self.stated(errno.ENAMETOOLONG), BadName)

    def test_lost_folder_and_lost_part(self) -> None:
        """Something absent in writing is the folder, if it was removed meanwhile, else our own."""
        self.assertIsInstance(self.stated(errno.ENOENT), StorageUnavailable)
        os.mkdir(self.at(b"gone"))
        fd = os.open(self.at(b"gone"), os.O_RDONLY)
        self.addCleanup(os.close, fd)
        os.rmdir(self.at(b"gone"))

        def fail() -> None:
            with stated(fd):
                os.open(b"x", os.O_WRONLY | os.O_CREAT, dir_fd=fd)

        self.assertRaises(NoParent, fail)

    def test_folder_that_cannot_be_asked(self) -> None:
        """A folder whose descriptor says nothing any more counts as gone."""

        def deaf(fd: int) -> None:
            raise error(errno.ESTALE)

        self.patch_os("fstat", deaf)
        self.assertIsInstance(self.stated(errno.ENOENT), NoParent)
