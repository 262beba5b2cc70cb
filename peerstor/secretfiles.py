"""Files that only the server's own user may read: keys, tokens."""

import contextlib
import os
import secrets
import stat

from peerstor.errors import StartupError

_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def write_secret(folder: bytes, name: bytes, content: bytes) -> None:
    """Write a file of mode 0600, in one step: after a crash it is the old one or the new one. Blocks.

    Nothing is written before the file is known to be closed to others.

    :param folder: path of a folder that is there.
    :raises StartupError: it can't be written, or the file system doesn't keep it to its owner; the one line
        names the way out.
    """
    shown = _shown(folder, name)
    try:
        folder_fd = os.open(folder, _FOLDER)
    except OSError as error:
        raise _unusable(shown, "written", error) from None
    try:
        _replace(folder_fd, name, content, shown)
    except OSError as error:
        raise _unusable(shown, "written", error) from None
    finally:
        os.close(folder_fd)


def read_secret(folder: bytes, name: bytes) -> bytes | None:
    """Read such a file; None when there is none. Blocks.

    Permissions that are too wide (it was copied by hand) are narrowed first.

    :raises StartupError: it can't be read, is no regular file, or can't be closed to others.
    """
    shown = _shown(folder, name)
    try:
        fd = os.open(os.path.join(folder, name), os.O_RDONLY | _FILE)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(shown, "read", error) from None
    try:
        with open(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise StartupError(f"{shown} can't be read: it is no regular file.")
            _close_to_others(fd, shown)
            return file.read()
    except OSError as error:
        raise _unusable(shown, "read", error) from None


def make_private(path: bytes) -> None:
    """Make a file unless it is there, and close it to others. Blocks.

    For databases: SQLite gives its journals the same permissions. Where those don't hold nothing is raised.

    :raise OSError: it can't be made or opened.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        if os.fstat(fd).st_mode & 0o077:
            with contextlib.suppress(PermissionError):
                os.fchmod(fd, 0o600)
    finally:
        os.close(fd)


def _replace(folder_fd: int, name: bytes, content: bytes, shown: str) -> None:
    new = name + b".%s.new" % secrets.token_hex(8).encode()
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FILE, 0o600, dir_fd=folder_fd)
    try:
        with open(fd, "wb") as file:
            _close_to_others(fd, shown)
            file.write(content)
            file.flush()
            os.fsync(fd)
        os.rename(new, name, src_dir_fd=folder_fd, dst_dir_fd=folder_fd)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(new, dir_fd=folder_fd)
        raise
    os.fsync(folder_fd)


def _close_to_others(fd: int, shown: str) -> None:
    """Take the group's and others' permissions away, and look whether that held: FAT, for one, ignores it."""
    if _open_to_others(fd):
        with contextlib.suppress(PermissionError):
            os.fchmod(fd, 0o600)
        if _open_to_others(fd):
            raise StartupError(
                f"{shown} is a secret, and other users of this machine could read it: its file system doesn't"
                " keep permissions, or it is another user's. Name a folder that is this user's own, on another"
                " file system, with --state DIR."
            )


def _open_to_others(fd: int) -> bool:
    return bool(os.fstat(fd).st_mode & 0o077)


def _unusable(shown: str, verb: str, error: OSError) -> StartupError:
    reason = error.strerror or str(error)
    return StartupError(f"{shown} can't be {verb}: {reason}. Another folder for it is --state DIR.")


def _shown(folder: bytes, name: bytes) -> str:
    text = os.path.join(folder, name).decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)
