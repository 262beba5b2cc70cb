"""The certificate of HTTPS: does it hold, for which names, and does its key belong to it."""

import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime

from cryptography import x509

from peerstor.checks.findings import Finding, ok, shown, warning, wrong
from peerstor.daemon.certfiles import SOON
from peerstor.daemon.identity import Identity, identity_from_pem
from peerstor.errors import StartupError
from peerstor.settings import Settings
from peerstor.tls import check_usable

_RENEW = "Renew it, and reload the server: systemctl reload peerstor, or SIGHUP."


def check_certificate(
    settings: Settings, own: bytes | None, *, now: float, accepts: Callable[[str], bool]
) -> list[Finding]:
    """Look at the certificate that a server with these settings would show.

    :param own: path of the one that PeerStor makes; None while it doesn't know the storage.
    :param now: seconds since the epoch.
    :param accepts: tells whether the server answers to a host name.
    """
    if not settings.tls:
        return [ok("certificate", "HTTPS isn't spoken, so none is needed.")]
    if settings.cert is None:
        if own is None or not os.path.lexists(own):
            return [ok("certificate", "PeerStor makes one of its own at the first start.")]
        cert = key = own
    else:
        cert, key = settings.cert, settings.key or settings.cert
    try:
        identity = identity_from_pem(_read(cert), _read(key), cert_name=shown(cert), key_name=shown(key))
        check_usable(identity)
    except StartupError as error:
        advice = "Name others with --cert and --key." if settings.cert else "Remove it; PeerStor makes another."
        return [wrong("certificate", str(error), advice)]
    findings = [check_term(identity, now, renewed=settings.cert is None), check_key_file(key)]
    if settings.cert is not None:
        findings.append(check_certified_names(identity, settings, accepts))
    return findings


def check_term(identity: Identity, now: float, *, renewed: bool) -> Finding:
    """Look whether a certificate holds now, and for how long.

    :param now: seconds since the epoch.
    :param renewed: whether PeerStor itself renews it.
    """
    at, until = datetime.fromtimestamp(now, UTC), f"{identity.ends:%Y-%m-%d}"
    if identity.begins > at:
        return wrong(
            "certificate", f"It holds only from {identity.begins:%Y-%m-%d %H:%M} UTC on.", "Set the clock."
        )
    if renewed:
        return ok("certificate", f"PeerStor made it, until {until}, and renews it by itself.")
    if identity.ends <= at:
        return wrong("certificate", f"It expired on {until}.", _RENEW)
    if identity.ends <= at + SOON:
        return warning("certificate", f"It expires on {until}.", _RENEW)
    return ok("certificate", f"It holds until {until}, and the key belongs to it.")


def check_key_file(path: bytes) -> Finding:
    """Look who may read a key."""
    mode = os.stat(path).st_mode
    if mode & stat.S_IROTH:
        return warning("key", f"Every user of this machine can read {shown(path)}.", f"chmod o= {shown(path)}")
    return ok("key", f"{shown(path)} is closed to others.")


def check_certified_names(identity: Identity, settings: Settings, accepts: Callable[[str], bool]) -> Finding:
    """Hold the names in a certificate against those that the server answers to."""
    names = certified_names(identity)
    missing = [name for name in settings.allow_host if not name.startswith(".") and not _covers(names, name)]
    if missing:
        return warning(
            "certificate names",
            f"It isn't for {', '.join(missing)}, which --allow-host allows.",
            "Get one for that name too; browsers refuse this one there.",
        )
    refused = [name for name in names if not accepts(name.replace("*", "any"))]
    if refused:
        return warning(
            "certificate names",
            f"It is for {', '.join(refused[:5])}, to which the server doesn't answer.",
            f"Allow it: --allow-host {refused[0].removeprefix('*')}",
        )
    if not names:
        return warning(
            "certificate names", "It is for no name or address at all.", "Browsers refuse it. Get another."
        )
    return ok("certificate names", f"It is for {', '.join(names[:5])}{' and others' if len(names) > 5 else ''}.")


def certified_names(identity: Identity) -> list[str]:
    """List the names and addresses that a certificate is for."""
    try:
        names = identity.chain[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [
        *(name.lower() for name in names.get_values_for_type(x509.DNSName)),
        *map(str, names.get_values_for_type(x509.IPAddress)),
    ]


def _covers(names: list[str], name: str) -> bool:
    return name in names or f"*.{name.partition('.')[2]}" in names


def _read(path: bytes) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise StartupError(f"{shown(path)} can't be read: {error.strerror}.") from None
