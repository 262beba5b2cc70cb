"""Where others find the server: the address, the names, and whether anybody answers there."""

import http.client
import json
import socket
import ssl
from collections.abc import Callable, Sequence
from ipaddress import ip_address

from peerstor.checks.findings import Finding, ok, warning, wrong
from peerstor.daemon.addresses import IPAddress, base_url, reached_at
from peerstor.daemon.qrcode import phone_address
from peerstor.endpoints import TcpEndpoint, endpoint_of
from peerstor.errors import WrongHost
from peerstor.settings import Settings
from peerstor.web.hosts import LOCAL_SUFFIXES, KnownHosts

PATIENCE = 5.0
"""Seconds to wait for an answer from this very machine."""

_FIREWALL = (
    "If a phone doesn't get there: it has to be in the same network (guest networks and mobile data aren't), and a"
    " firewall has to let port {port} in (ufw allow {port}/tcp; firewall-cmd --add-port={port}/tcp)."
)


def check_phone(settings: Settings, ours: Sequence[int], *, runs: bool) -> Finding:
    """Tell the address that a phone would use, and ask it, where a server runs.

    :param ours: ports of that server.
    :param runs: whether there is one.
    """
    addresses = addresses_of(settings, ours)
    address = phone_address(addresses)
    if address is None:
        return warning(
            "address",
            "Only this machine itself reaches the server.",
            "Behind a proxy that is as it should be. Else: --host 0.0.0.0, and a network.",
        )
    port = address.rpartition(":")[2].partition("/")[0]
    if not runs:
        return ok("address", f"A phone would use {address}, once a server runs.", _FIREWALL.format(port=port))
    outcome = answer_of(address)
    if outcome is None:
        return ok("address", f"A phone uses {address}, which answers here.", _FIREWALL.format(port=port))
    return wrong(
        "address",
        f"A phone would use {address}, and even from this machine nobody answers there as they should: {outcome}.",
        "The server may be told another --host, --port or --base-path than this command was, or a firewall cuts"
        " it off from itself.",
    )


def addresses_of(
    settings: Settings,
    ours: Sequence[int],
    at: Callable[[IPAddress], list[IPAddress]] = reached_at,
) -> list[str]:
    """Give the addresses of a server, the best for others first.

    :param ours: the ports that it has, where one runs; a wanted one may have been in use.
    :param at: tells where a server is reached that is bound to an address.
    """
    found = []
    for host, port, scheme in _bound(settings):
        actual = port if port in ours or not ours else min(ours)
        for bound in _resolved(host):
            for address in at(bound):
                path = f"{settings.base_path}/" if settings.base_path else ""
                found.append(f"{base_url(address, actual, scheme)}{path}")
    return list(dict.fromkeys(found))


def answer_of(address: str) -> str | None:
    """Ask a server how it is; tell what is wrong with its answer, None for nothing. Blocks.

    :param address: without the certificate being held against anything: that is another check's.
    """
    scheme, _, rest = address.partition("://")
    authority, _, path = rest.partition("/")
    try:
        connection: http.client.HTTPConnection
        if scheme == "https":
            trusting = ssl.create_default_context()
            trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
            connection = http.client.HTTPSConnection(authority, timeout=PATIENCE, context=trusting)
        else:
            connection = http.client.HTTPConnection(authority, timeout=PATIENCE)
        try:
            connection.request("GET", f"/{path}-/health")
            answer = connection.getresponse()
            content = json.loads(answer.read(1000))
        finally:
            connection.close()
    except ValueError:
        return "it is another program that answers"
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    if answer.status == 200 and content == {"status": "ok"}:
        return None
    if isinstance(content, dict) and content.get("status") == "unavailable":
        return "its storage doesn't answer"
    return f"it answers with {answer.status}"


def check_names(settings: Settings, own: str | None = None) -> Finding:
    """Tell the host names that are accepted.

    :param own: the machine's name.
    """
    own = socket.gethostname() if own is None else own
    said = f"its addresses, {own}, and local names (nas, *{', *'.join(LOCAL_SUFFIXES)})"
    if settings.allow_host:
        return ok("host names", f"The server answers to {said}, and to {', '.join(settings.allow_host)}.")
    if settings.trusted_proxy:
        return warning(
            "host names",
            f"Behind a proxy browsers mostly use a public name, and the server only answers to {said}.",
            "Allow that name: --allow-host files.example.org",
        )
    return ok("host names", f"The server answers to {said}; others need --allow-host NAME.")


def accepts(settings: Settings, name: str) -> bool:
    """Tell whether a host name is one that the server answers to."""
    hosts = KnownHosts(own=(socket.gethostname(),), allowed=settings.allow_host)
    try:
        hosts.check(name.encode("latin-1", "replace"))
    except WrongHost:
        return False
    return True


def beyond_loopback(settings: Settings) -> bool:
    """Tell whether other machines reach a server with these settings."""
    if any(not isinstance(endpoint_of(text), TcpEndpoint) for text in settings.listen):
        return True  # whoever is behind a socket may bring anybody
    return any(not address.is_loopback for host, _, _ in _bound(settings) for address in _resolved(host))


def _bound(settings: Settings) -> list[tuple[str, int, str]]:
    """List hosts, ports and schemes."""
    scheme = "https" if settings.https else "http"
    if settings.listen:
        endpoints = [endpoint_of(text) for text in settings.listen]
        return [(one.interface, one.port, scheme) for one in endpoints if isinstance(one, TcpEndpoint)]
    bound = [(settings.host, settings.port, scheme)]
    if settings.https_port is not None:
        bound.append((settings.host, settings.https_port, "https"))
    return bound


def _resolved(host: str) -> list[IPAddress]:
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(ip_address(str(one[4][0])) for one in found))
