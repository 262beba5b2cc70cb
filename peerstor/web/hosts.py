"""The names by which this server knows itself (`http.md`, section 2): the defence against DNS rebinding."""

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address

from peerstor.errors import WrongHost

LOCAL_SUFFIXES = (".localhost", ".local", ".lan", ".home.arpa", ".internal")
"""Names below these can't be bought, so no stranger can point one at us."""

_LABEL = r"[0-9A-Za-z_-]{1,63}"
_AUTHORITY = re.compile(rf"(?:\[([0-9a-fA-F:.]+)\]|({_LABEL}(?:\.{_LABEL})*\.?))(?::[0-9]{{0,5}})?")
"""What the name system takes: browsers spell other scripts in ASCII, and Klein fails on what is no name at all."""


class KnownHosts:
    """Tells whether a Host is one of ours."""

    def __init__(self, *, own: Iterable[str], allowed: Iterable[str]) -> None:
        """Remember the names.

        :param own: the machine's own names.
        :param allowed: further names, as `--allow-host` has them; one with a leading dot takes all below it.
        """
        self._own = tuple(own)
        self.allow(allowed)

    def allow(self, allowed: Iterable[str]) -> None:
        """Allow other further names than before."""
        names = {name.lower().rstrip(".") for name in (*self._own, *allowed)}
        self._names = frozenset(name for name in names if not name.startswith("."))
        self._suffixes = (*LOCAL_SUFFIXES, *(name for name in names if name.startswith(".")))
        # Hosts come from clients: a bounded number of them is remembered.
        self._known = lru_cache(maxsize=256)(self._knows)

    def check(self, host: bytes | None) -> None:
        """Let a request pass or not.

        :param host: the value of `Host`; None where HTTP/1.0 sent none.
        :raise WrongHost: the name isn't ours, or no name at all.
        """
        if host is not None and not self._known(host):
            raise WrongHost()

    def _knows(self, host: bytes) -> bool:
        authority = _AUTHORITY.fullmatch(host.decode("latin-1"))
        if authority is None:
            return False
        literal, name = authority.groups()
        if literal is not None:
            return _is_address(literal)
        name = name.lower().removesuffix(".")
        return "." not in name or _is_address(name) or name in self._names or name.endswith(self._suffixes)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
