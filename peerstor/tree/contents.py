"""A file or folder with all that is below it: how much it is, and how it goes. All functions block."""

import os
import stat
from collections.abc import Collection, Iterator
from contextlib import suppress

from attrs import frozen

from peerstor.tree.pace import Pace

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def usage(dir_fd: int, name: str, pace: Pace) -> int:
    """Weigh something, in bytes on the disk; links aren't followed, and what can't be read counts for nothing.

    :param dir_fd: the folder that it lies in.
    :raise OSError: it can't be looked at itself.
    """
    found = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    if not stat.S_ISDIR(found.st_mode):
        return found.st_blocks * 512
    return sum(one.found.st_blocks * 512 for one in _walk(dir_fd, name, found, pace))


def remove(dir_fd: int, name: str, pace: Pace) -> bool:
    """Remove something; tell whether nothing of it is left.

    :param dir_fd: the folder that it lies in.
    """
    try:
        found = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
        for one in _walk(dir_fd, name, found, pace):
            with suppress(FileNotFoundError):
                take_away = os.rmdir if stat.S_ISDIR(one.found.st_mode) else os.unlink
                take_away(one.name, dir_fd=one.dir_fd)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def remove_named(dir_fd: int, names: Collection[str], pace: Pace) -> bool:
    """Remove whatever has one of some names, however deep in an open folder; tell whether nothing of it is left.

    What lies in a folder that can't be read isn't found.
    """
    found = os.stat(".", dir_fd=dir_fd)
    gone = [remove(one.dir_fd, one.name, pace) for one in _walk(dir_fd, ".", found, pace) if one.name in names]
    return all(gone)


@frozen
class _One:
    """Something met on the way, and the open folder that it lies in."""

    dir_fd: int
    name: str
    found: os.stat_result


@frozen
class _Level:
    """A folder that is being walked through."""

    folder: _One
    fd: int
    names: Iterator[str]


def _walk(dir_fd: int, name: str, found: os.stat_result, pace: Pace) -> Iterator[_One]:
    """Visit something with all below, a folder's content before itself, however deep it goes.

    A descriptor is held for each level. Of a folder that can't be read only itself is visited.
    """
    levels: list[_Level] = []
    try:
        one: _One | None = _One(dir_fd, name, found)
        while one is not None or levels:
            if one is None:
                done = levels.pop()
                os.close(done.fd)
                yield done.folder
            elif (level := _entered(one, pace)) is not None:
                levels.append(level)
            else:
                yield one
                pace.step()
            one = _next(levels[-1]) if levels else None
    finally:
        for level in levels:
            os.close(level.fd)


def _entered(one: _One, pace: Pace) -> _Level | None:
    """Open a folder and read its names; None where it is none, or can't be read."""
    if not stat.S_ISDIR(one.found.st_mode):
        return None
    try:
        fd = os.open(one.name, _FOLDER, dir_fd=one.dir_fd)
    except OSError:
        return None
    try:
        # All at once: what removes entries while a folder is read may skip others.
        with os.scandir(fd) as entries:
            return _Level(one, fd, iter([entry.name for entry in pace.through(entries)]))
    except OSError:
        os.close(fd)
        return None


def _next(level: _Level) -> _One | None:
    for name in level.names:
        with suppress(OSError):  # it is gone; or, in a folder that may be read but not entered, can't be looked at
            return _One(level.fd, name, os.stat(name, dir_fd=level.fd, follow_symlinks=False))
    return None
