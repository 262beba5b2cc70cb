"""Which file systems tell of every change: those of this machine alone, all of whose changes its kernel makes."""

import ctypes
import sys

TELLING = frozenset(
    {
        0xEF53,  # ext2, ext3, ext4
        0x58465342,  # XFS
        0x9123683E,  # Btrfs
        0x01021994,  # tmpfs
        0xF2F52010,  # F2FS
        0x2FC12FC1,  # ZFS
        0x794C7630,  # overlayfs
        0xCA451A4E,  # bcachefs
    }
)
"""By their numbers (statfs(2)). On a network's, or one that a program makes up (FUSE), others make changes too."""

_SIZE = 256
"""Bytes of room for `struct statfs`, which has 120 on common machines; its first field is the number."""

_fstatfs = ctypes.CDLL(None).fstatfs if sys.platform.startswith("linux") else None


def tells_of_changes(fd: int) -> bool:
    """Tell whether what an open folder lies on tells of all changes in it; not where that isn't known."""
    found = ctypes.create_string_buffer(_SIZE)
    if _fstatfs is None or _fstatfs(fd, found) != 0:
        return False
    return (ctypes.c_long.from_buffer(found).value & 0xFFFFFFFF) in TELLING
