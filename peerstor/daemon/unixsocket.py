"""UNIX sockets that listen: made before the daemon forks, removed when it ends."""

import errno
import os
import socket
import stat
from collections.abc import Iterable

from attrs import frozen
from twisted.application.service import Service
from twisted.logger import Logger

from peerstor.daemon.listen import BACKLOG
from peerstor.endpoints import UnixEndpoint
from peerstor.errors import StartupError

# Seconds that whoever may be alive behind a socket gets to take a connection. The kernel does that for it, unless
# its queue is full.
_PATIENCE = 1.0

_log = Logger()


@frozen
class SocketFile:
    """A socket's entry in its folder, which this process has made.

    :param device: number of the file system that it lies on.
    :param inode: its number there.
    """

    path: bytes
    device: int
    inode: int

    def remove(self) -> None:
        """Remove it, unless another one has taken its place. Raises OSError."""
        try:
            found = os.lstat(self.path)
            if (found.st_dev, found.st_ino) == (self.device, self.inode):
                os.unlink(self.path)
        except FileNotFoundError:
            return


class SocketFiles(Service):
    """Removes sockets' entries at a clean stop."""

    def __init__(self, files: Iterable[SocketFile] = ()) -> None:
        self.files = list(files)

    def stopService(self) -> None:
        """Remove them. Who comes now finds nobody instead of waiting for an answer."""
        super().stopService()
        self.remove()

    def remove(self) -> None:
        """Remove them; one that can't be removed is left, and said."""
        while self.files:
            file = self.files.pop()
            try:
                file.remove()
            except OSError as error:
                _log.warn(
                    "The socket {path} is left behind: {reason}. The next start removes it.",
                    path=os.fsdecode(file.path),
                    reason=error.strerror,
                )


def listen_unix(
    endpoint: UnixEndpoint, *, uid: int | None = None, gid: int | None = None
) -> tuple[socket.socket, SocketFile]:
    """Make a UNIX socket and listen on it, in the place of one that nobody answers on.

    :param uid: whom it is to belong to; None changes nothing.
    :param gid: the same for its group.
    :return: non-blocking and listening.
    :raises StartupError: that can't be done, or something else is in the way.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        try:
            _bind(listener, endpoint.path)
            file = _opened(listener, endpoint, uid, gid)
        except OSError as error:
            raise StartupError(f"Can't listen on {_shown(endpoint.path)}: {_reason(error)}.") from None
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener, file


def _bind(listener: socket.socket, path: bytes) -> None:
    try:
        listener.bind(path)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        _clear(path)
        listener.bind(path)


def _opened(listener: socket.socket, endpoint: UnixEndpoint, uid: int | None, gid: int | None) -> SocketFile:
    """Give a socket to those who may use it, and only then listen: until then nobody can connect."""
    found = os.lstat(endpoint.path)
    file = SocketFile(endpoint.path, found.st_dev, found.st_ino)
    try:
        if uid is not None or gid is not None:
            os.chown(endpoint.path, -1 if uid is None else uid, -1 if gid is None else gid, follow_symlinks=False)
        os.chmod(endpoint.path, endpoint.mode)
        listener.listen(BACKLOG)
    except BaseException:
        file.remove()
        raise
    return file


def _clear(path: bytes) -> None:
    """Remove a socket that nobody answers on. Raises OSError.

    :raises StartupError: somebody does, or it is no socket.
    """
    if not stat.S_ISSOCK(os.lstat(path).st_mode):
        raise StartupError(f"{_shown(path)} is in the way: it is no socket. Move it, or choose another path.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(_PATIENCE)
        try:
            client.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM):
                raise
    raise StartupError(f"{_shown(path)} is in use by another server. Stop it, or choose another path.")


def _reason(error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return "this user has no right to"
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return "its folder isn't there"
    return error.strerror or str(error)


def _shown(path: bytes) -> str:
    text = path.decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)
