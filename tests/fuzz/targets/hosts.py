"""`Host`: by which names this server knows itself."""

from __future__ import annotations

import ipaddress

from peerstor.errors import WrongHost
from peerstor.web.hosts import KnownHosts

WORDS = (
    b"localhost", b"nas", b".local", b".lan", b".internal", b".home.arpa", b"mine.example", b"sub.wide.example",
    b"evil.example", b"127.0.0.1", b"[::1]", b"[::ffff:127.0.0.1]", b":8080", b":", b"@", b"%00", b"1.2.3", b"[", b"]",
    b"0x7f.1", b"[fe80::1%eth0]", b"..", b"xn--", b"\xc3\xa9",
)  # fmt: skip

OWN, ALLOWED = ("box.example",), ("mine.example", ".wide.example")
LETTERS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


def check(data: bytes) -> None:
    """Compare with rules that are read off one by one."""
    try:
        KnownHosts(own=OWN, allowed=ALLOWED).check(data)
    except WrongHost:
        accepted = False
    else:
        accepted = True
    assert accepted == ours(data), data


def ours(host: bytes) -> bool:
    """Tell whether a Host is ours, as `http.md`, section 2 says it."""
    if host.startswith(b"["):
        literal, bracket, port = host[1:].partition(b"]")
        return bool(bracket) and _is_port(port) and b"%" not in literal and _is_address(literal)
    name, colon, port = host.partition(b":")
    if not _is_port(colon + port):
        return False
    labels = name.removesuffix(b".").split(b".")
    if not all(0 < len(label) <= 63 and LETTERS.issuperset(label) for label in labels):
        return False
    if len(labels) == 1 or _is_address(b".".join(labels)):
        return True
    lower = b".".join(labels).lower()
    if lower in (b"box.example", b"mine.example") or lower.endswith(b".wide.example"):
        return True
    return lower.endswith((b".localhost", b".local", b".lan", b".home.arpa", b".internal"))


def _is_port(rest: bytes) -> bool:
    return not rest or (rest[:1] == b":" and len(rest) <= 6 and all(digit in b"0123456789" for digit in rest[1:]))


def _is_address(text: bytes) -> bool:
    try:
        ipaddress.ip_address(text.decode("latin-1"))
    except ValueError:
        return False
    return True
