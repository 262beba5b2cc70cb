"""Single steps of giving a file a name in an open folder. All of them block."""

import errno
import os
import stat
from contextlib import suppress

from attrs import frozen

from peerstor.tree.faults import UNLINKABLE
from peerstor.tree.paths import numbered
from peerstor.tree.sandbox import Opened
from peerstor.tree.syncing import sync_data

_BLOCK = 1 << 20


@frozen
class Part:
    """Where complete bytes lie before they have their name.

    :ivar dir_fd: the folder that the part file lies in.
    :ivar name: its name there.
    :ivar fd: the part file itself, open for reading at least. All three stay the caller's.
    :ivar nameless: whether it has no name yet (`O_TMPFILE`); `name` is the one that it gets where it needs one.
    """

    dir_fd: int
    name: bytes
    fd: int
    nameless: bool = False


def lstat(folder: Opened, name: bytes) -> os.stat_result | None:
    """Look at a name itself, not along it; None when it is free."""
    try:
        return os.stat(name, dir_fd=folder.fd, follow_symlinks=False)
    except FileNotFoundError:
        return None


def free_name(folder: Opened, name: bytes) -> bytes:
    """Find a numbered name that is free, in a number of looks that grows with the logarithm of the numbers taken.

    Without gaps it is the first free one; with gaps, the first after some run of taken ones.
    """
    taken, free = 1, 2
    while lstat(folder, numbered(name, free)) is not None:
        taken, free = free, free * 2
    while free - taken > 1:
        middle = (taken + free) // 2
        if lstat(folder, numbered(name, middle)) is None:
            free = middle
        else:
            taken = middle
    return numbered(name, free)


def add_name(part: Part, folder: Opened, name: bytes) -> bool:
    """Give the part a name that was free a moment ago; False when it no longer is.

    A hard link refuses a taken name, which a rename would overwrite. Where there are no hard links, a last look
    must do: another program could still slip in between, but a crash leaves nothing half-made.
    """
    try:
        if part.nameless:
            link_nameless(part.fd, name, folder.fd)
        else:
            os.link(part.name, name, src_dir_fd=part.dir_fd, dst_dir_fd=folder.fd, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError as error:
        if part.nameless or error.errno not in UNLINKABLE or error.errno == errno.EXDEV:
            raise
        if lstat(folder, name) is not None:
            return False
        os.rename(part.name, name, src_dir_fd=part.dir_fd, dst_dir_fd=folder.fd)
    return True


def give_own_name(part: Part) -> None:
    """Give a nameless part the name that is meant for it, by which it can be renamed."""
    link_nameless(part.fd, part.name, part.dir_fd)


def link_nameless(fd: int, name: bytes, dir_fd: int) -> None:
    """Give an open file that has no name its first one. Raises OSError, also where /proc isn't mounted."""
    os.link(b"/proc/self/fd/%d" % fd, name, dst_dir_fd=dir_fd, follow_symlinks=True)


def copy_near(part: Part, folder: Opened, *, fsync: bool) -> Part:
    """Copy the part into the folder under a private name; its descriptor is the caller's to close.

    :param fsync: whether its bytes are to be on the disk then.
    """
    name = near_name(part.name)
    drop_copy(part, folder)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(name, flags, stat.S_IMODE(os.fstat(part.fd).st_mode) & 0o777, dir_fd=folder.fd)
    try:
        copy_bytes(part.fd, fd)
        if fsync:
            sync_data(fd)
    except BaseException:
        os.close(fd)
        os.unlink(name, dir_fd=folder.fd)
        raise
    return Part(dir_fd=folder.fd, name=name, fd=fd)


def near_name(part_name: bytes) -> bytes:
    """Name the copy: always the same for one part, so that what a crash left is found and replaced."""
    return b".peerstor-%s.copy" % part_name


def drop_copy(part: Part, folder: Opened) -> None:
    """Remove the copy of the part, where an attempt that a crash cut off has left one."""
    with suppress(FileNotFoundError):
        os.unlink(near_name(part.name), dir_fd=folder.fd)


def holds(folder: Opened, name: bytes, part: Part) -> bool:
    """Tell whether the file `name` is the part: the same inode, or, of a copy, the same bytes."""
    found, ours = lstat(folder, name), os.fstat(part.fd)
    if found is None or not stat.S_ISREG(found.st_mode) or found.st_size != ours.st_size:
        return False
    if (found.st_dev, found.st_ino) == (ours.st_dev, ours.st_ino):
        return True
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder.fd)
    try:
        return _same_bytes(fd, part.fd, ours.st_size)
    finally:
        os.close(fd)


def _same_bytes(one: int, other: int, size: int) -> bool:
    steps = range(0, size, _BLOCK)
    return all(os.pread(one, _BLOCK, at) == os.pread(other, _BLOCK, at) for at in steps)


def copy_bytes(source_fd: int, target_fd: int) -> None:
    """Copy a whole file. Blocks.

    :raise OSError: what reading or writing says.
    """
    position = 0
    while block := os.pread(source_fd, _BLOCK, position):
        rest = memoryview(block)
        while rest:
            written = os.pwrite(target_fd, rest, position)
            position += written
            rest = rest[written:]
