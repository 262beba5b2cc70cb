"""Sockets that systemd opened and passed on to this process (sd_listen_fds(3))."""

import os
import socket
import stat
from collections.abc import Mapping, MutableMapping

from twisted.logger import Logger

from peerstor.endpoints import SystemdEndpoint
from peerstor.errors import StartupError

FIRST = 3
"""The first descriptor that is passed on: SD_LISTEN_FDS_START."""

VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")

_FAMILIES = {"INET": socket.AF_INET, "INET6": socket.AF_INET6, "UNIX": socket.AF_UNIX}

_log = Logger()


def initial_environment() -> dict[str, str]:
    """Give the environment that this process began with, as far as the system tells it (proc_pid_environ(5)).

    Twisted takes the variables for its own use when one of its modules is imported, which may have happened.
    """
    try:
        with open("/proc/self/environ", "rb") as file:
            pairs = [pair.partition(b"=") for pair in file.read().split(b"\0")]
    except OSError:
        return {}
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}


class InheritedSockets:
    """The sockets that were passed on, each to be taken once."""

    def __init__(self, descriptors: Mapping[int, str]) -> None:
        """Claim descriptors: no program that is started from here gets them.

        :param descriptors: the names of those that are open, by number.
        """
        self._names = dict(descriptors)
        self._order = list(descriptors)
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)

    @classmethod
    def from_environment(
        cls, environ: MutableMapping[str, str], initial: Mapping[str, str], *, first: int = FIRST
    ) -> "InheritedSockets":
        """Read what was passed on to this very process, and take that out of its environment.

        :param initial: where the variables are looked for that are no longer in `environ`.
        :param first: the number of the first descriptor.
        """
        told = [environ.pop(name, initial.get(name, "")) for name in VARIABLES]
        pid, count, names = told[0], told[1], told[2].split(":")
        if pid != str(os.getpid()) or not count.isdecimal():
            return cls({})
        numbers = [number for number in range(first, first + int(count)) if _is_open(number)]
        return cls({n: names[n - first] if n - first < len(names) else "" for n in numbers})

    def take(self, endpoint: SystemdEndpoint) -> socket.socket:
        """Give the socket that an endpoint means.

        :return: non-blocking and listening.
        :raises StartupError: there is none, it is another kind of socket, or was taken before.
        """
        descriptor = self._find(endpoint)
        if descriptor not in self._names:
            raise StartupError(f"--listen {endpoint} means a socket that another --listen has already.")
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            raise StartupError(f"--listen {endpoint} means a descriptor that is no socket.")
        listener = socket.socket(fileno=os.dup(descriptor))
        try:
            _check(listener, endpoint)
        except BaseException:
            listener.close()
            raise
        del self._names[descriptor]
        os.close(descriptor)
        listener.setblocking(False)
        return listener

    def close(self) -> None:
        """Close those that nobody took, and say so: who connects there would wait for ever."""
        if self._names:
            _log.warn(
                "systemd passed on {count} sockets that no --listen systemd:... means; they are closed.",
                count=len(self._names),
            )
        while self._names:
            os.close(self._names.popitem()[0])

    def _find(self, endpoint: SystemdEndpoint) -> int:
        if not self._order:
            raise StartupError(
                f"--listen {endpoint} needs a socket of systemd's, and none was passed on: start it by its socket"
                " unit, as conf/peerstor.socket."
            )
        if endpoint.index is not None:
            if endpoint.index < len(self._order):
                return self._order[endpoint.index]
            raise StartupError(f"--listen {endpoint}: systemd passed on {len(self._order)}, counted from 0.")
        named = [number for number, name in self._names.items() if name == endpoint.name]
        fitting = [number for number in named if _family(number) == _FAMILIES[endpoint.domain]]
        if not named:
            known = ", ".join(sorted(set(filter(None, self._names.values())))) or "none with a name"
            raise StartupError(f"--listen {endpoint}: systemd passed on no socket of that name, but {known}.")
        return (fitting or named)[0]


def _check(listener: socket.socket, endpoint: SystemdEndpoint) -> None:
    if listener.family != _FAMILIES[endpoint.domain]:
        found = next((name for name, one in _FAMILIES.items() if one == listener.family), "neither")
        raise StartupError(f"--listen {endpoint} means a socket that is not of that domain but {found}.")
    listens = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    if listener.type != socket.SOCK_STREAM or not listens:
        raise StartupError(
            f"--listen {endpoint} means a socket that takes no connections: ListenStream= and Accept=no make one."
        )


def _family(descriptor: int) -> int | None:
    try:
        with socket.socket(fileno=os.dup(descriptor)) as one:
            return one.family
    except OSError:
        return None


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
