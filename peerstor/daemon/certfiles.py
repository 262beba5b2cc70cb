"""The owner's own certificate and key, in files that somebody else keeps up to date."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from attrs import frozen
from twisted.logger import Logger

from peerstor.daemon.identity import Identity, identity_from_pem
from peerstor.errors import StartupError

SOON = timedelta(days=14)
"""Before the end of a certificate, when the log begins to warn each day: whoever renews them does so earlier."""

_log = Logger()


@frozen(kw_only=True)
class CertificateFiles:
    """Reads an identity from one file or two.

    :param cert: path of the certificates.
    :param key: path of the key; None where it lies in the same file.
    :param wall: the time, seconds since the epoch.
    """

    cert: bytes
    key: bytes | None
    wall: Callable[[], float]

    def load(self) -> Identity:
        """Read it, and warn of one that doesn't hold. Blocks.

        :raises StartupError: it can't be read, or isn't what it should be.
        """
        cert_pem = _content(self.cert, "certificate")
        key_pem = cert_pem if self.key is None else _content(self.key, "key")
        identity = identity_from_pem(
            cert_pem, key_pem, cert_name=_shown(self.cert), key_name=_shown(self.key or self.cert)
        )
        self._warn(identity)
        return identity

    def _warn(self, identity: Identity) -> None:
        now = datetime.fromtimestamp(self.wall(), UTC)
        if identity.ends <= now:
            what = f"expired on {identity.ends:%Y-%m-%d}"
        elif identity.begins > now:
            what = f"doesn't hold before {identity.begins:%Y-%m-%d %H:%M} UTC"
        elif identity.ends <= now + SOON:
            what = f"expires on {identity.ends:%Y-%m-%d}"
        else:
            return
        _log.warn("The certificate in {path} {what}.", path=_shown(self.cert), what=what)


def _content(path: bytes, what: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise StartupError(f"The {what} {_shown(path)} can't be read: {error.strerror}.") from None


def _shown(path: bytes) -> str:
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)
