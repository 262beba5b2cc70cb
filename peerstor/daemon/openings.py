"""Every socket that the daemon listens on, opened before it forks and while it may still be root."""

import os
import socket
from collections.abc import MutableMapping
from pwd import getpwuid

from peerstor.daemon.activation import InheritedSockets, initial_environment
from peerstor.daemon.listen import listen
from peerstor.daemon.unixsocket import SocketFiles, listen_unix
from peerstor.endpoints import SystemdEndpoint, UnixEndpoint, endpoint_of
from peerstor.settings import Settings

Owner = tuple[int | None, int | None]
"""User and group; None leaves it as it is."""


class Openings:
    """The sockets of one start.

    :ivar sockets: of --port, or of every --listen; listening, non-blocking.
    :ivar secure: of --https-port.
    :ivar files: the entries of UNIX sockets, which go when the daemon ends.
    """

    def __init__(self) -> None:
        """Open nothing yet."""
        self.sockets: list[socket.socket] = []
        self.secure: list[socket.socket] = []
        self.files = SocketFiles()

    def open(
        self,
        settings: Settings,
        *,
        uid: int | None = None,
        gid: int | None = None,
        environ: MutableMapping[str, str] = os.environ,
    ) -> None:
        """Open them all.

        :param uid: whom UNIX sockets are to belong to, where root is given up later on; one that is known.
        :param gid: the same for their group; None is the user's own.
        :param environ: what systemd passed on is read from there, and taken out of it.
        :raises StartupError: one can't be opened. `abandon` then undoes what was done.
        """
        # Whoever isn't root can give nothing away; twistd says so itself.
        owner = _owner(uid, gid) if os.geteuid() == 0 else (None, None)
        inherited = InheritedSockets.from_environment(environ, initial_environment())
        try:
            if settings.listen:
                for text in settings.listen:
                    self._open_endpoint(text, inherited, owner)
            else:
                self._open_ports(settings)
        finally:
            inherited.close()

    def abandon(self) -> None:
        """Close everything again, and leave no socket's entry behind."""
        for listener in self.sockets + self.secure:
            listener.close()
        self.files.remove()

    def _open_ports(self, settings: Settings) -> None:
        strict = settings.strict_port
        if settings.https_port is not None:  # first, so that a --port that moves on doesn't take it
            self.secure = listen(settings.host, settings.https_port, strict=strict, option="https-port")
        self.sockets = listen(settings.host, settings.port, strict=strict)

    def _open_endpoint(self, text: str, inherited: InheritedSockets, owner: Owner) -> None:
        endpoint = endpoint_of(text)
        if isinstance(endpoint, UnixEndpoint):
            listener, file = listen_unix(endpoint, uid=owner[0], gid=owner[1])
            self.sockets.append(listener)
            self.files.files.append(file)
        elif isinstance(endpoint, SystemdEndpoint):
            self.sockets.append(inherited.take(endpoint))
        else:
            self.sockets += listen(
                endpoint.interface, endpoint.port, strict=True, option="listen", host_as="interface="
            )


def _owner(uid: int | None, gid: int | None) -> Owner:
    return (uid, getpwuid(uid).pw_gid) if uid is not None and gid is None else (uid, gid)
