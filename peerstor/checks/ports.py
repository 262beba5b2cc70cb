"""The ports and sockets that are asked for: free, held by whom, allowed."""

import os
from collections.abc import Callable, Sequence

from peerstor.checks.findings import Finding, ok, shown, warning, wrong
from peerstor.daemon.listen import FURTHER_PORTS, listen
from peerstor.daemon.portholder import holder_of
from peerstor.endpoints import SystemdEndpoint, UnixEndpoint, endpoint_of
from peerstor.errors import StartupError
from peerstor.settings import Settings

Who = Callable[[int], str | None]


def check_ports(settings: Settings, ours: Sequence[int], who: Who = holder_of) -> list[Finding]:
    """Look at every port and socket that a server with these settings would listen on.

    :param ours: ports of the server that runs on the storage.
    :param who: tells who holds a port.
    """
    if settings.listen:
        return [_endpoint(text, ours, who) for text in settings.listen]
    findings = [check_port(settings.host, settings.port, "port", ours, strict=settings.strict_port, who=who)]
    if settings.https_port is not None:
        findings.append(
            check_port(
                settings.host, settings.https_port, "https-port", ours, strict=settings.strict_port, who=who
            )
        )
    return findings


def check_port(
    host: str, port: int, option: str, ours: Sequence[int], *, strict: bool, who: Who = holder_of
) -> Finding:
    """Look whether a port can be had, by taking it for an instant.

    :param option: the one that names it.
    :param strict: whether no other one would do.
    """
    if port == 0:
        return ok("port", "Any port that is free is taken.")
    if port in ours:
        return ok("port", f"The server that runs has port {port}.")
    try:
        for listener in listen(host, port, strict=True, option=option, who=who):
            listener.close()
    except StartupError as error:
        return _refused(str(error), port, option, strict)
    return ok("port", f"Port {port} is free.")


def _refused(line: str, port: int, option: str, strict: bool) -> Finding:
    reason, _, advice = line.partition(". ")
    if "in use" in reason:
        reason, _, advice = line.rpartition(" Stop it, or")
        advice = f"Stop it, or{advice}"
        if not strict:
            return warning(
                "port",
                f"{reason} PeerStor takes the next free one of the {FURTHER_PORTS} that follow, and says which.",
                advice,
            )
        return wrong("port", reason, advice)
    if "more rights" in reason:
        advice += (
            " Or let it: AmbientCapabilities=CAP_NET_BIND_SERVICE in the systemd unit, a socket of systemd's"
            " (--listen systemd:...), or a proxy in front."
        )
    return wrong("port", f"{reason.rstrip('.')}.", advice)


def _endpoint(text: str, ours: Sequence[int], who: Who) -> Finding:
    endpoint = endpoint_of(text)
    if isinstance(endpoint, UnixEndpoint):
        return check_socket(endpoint.path)
    if isinstance(endpoint, SystemdEndpoint):
        return ok("port", f"{text} is opened by systemd, and passed on.")
    return check_port(endpoint.interface, endpoint.port, "listen", ours, strict=True, who=who)


def check_socket(path: bytes) -> Finding:
    """Look whether a UNIX socket can be made; one that is there already is replaced at the start."""
    folder = os.path.dirname(path)
    if os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        return ok("port", f"The socket {shown(path)} can be made.")
    return wrong(
        "port",
        f"The socket {shown(path)} can't be made: {shown(folder)} isn't there, or not for this user.",
        "Make the folder (RuntimeDirectory=peerstor in the systemd unit makes /run/peerstor), or name another.",
    )
