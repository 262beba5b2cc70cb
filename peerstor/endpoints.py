"""Where to listen, in the words of Twisted's endpoint strings: `tcp:8080:interface=127.0.0.1`."""

import os
import re
from collections.abc import Mapping
from ipaddress import ip_address

from attrs import frozen

from peerstor.errors import StartupError

PATH_AT_MOST = 107
"""Bytes of a UNIX socket's path: `sun_path` has 108 on Linux, with a NUL at its end (unix(7))."""

# What stands between two colons; a backslash takes the next sign as it is, and so do brackets around an address.
_PART = re.compile(r"(?:^|:)((?:(?<==)\[[^\]\\]*\]|\\.|\\$|[^:\\])*)", re.DOTALL)
_SPECIAL = re.compile(r"([\\:=])")
_DIGITS = re.compile(r"[0-9]{1,5}", re.ASCII)
_MODE = re.compile(r"0?[0-7]{3}", re.ASCII)
_NAME = re.compile(r"[!-9;-~]{1,255}", re.ASCII)


@frozen
class TcpEndpoint:
    """A TCP port of this machine.

    :param port: 0 lets the system choose.
    :param interface: an address or name of this machine; `::` is both families.
    """

    port: int
    interface: str

    def __str__(self) -> str:
        """Write it as it is given."""
        return f"tcp:{self.port}:interface={_escaped(self.interface)}"


@frozen
class UnixEndpoint:
    """A UNIX socket.

    :param path: absolute.
    :param mode: permissions of the socket; who may write may connect.
    """

    path: bytes
    mode: int

    def __str__(self) -> str:
        """Write it as it is given."""
        return f"unix:{_escaped(os.fsdecode(self.path))}:mode={self.mode:03o}"


@frozen
class SystemdEndpoint:
    """A socket that systemd opened and passed on (sd_listen_fds(3)).

    :param domain: `INET`, `INET6` or `UNIX`.
    :param index: which of them, from 0; None where it is named.
    :param name: its `FileDescriptorName=`; None where it is counted.
    """

    domain: str
    index: int | None
    name: str | None

    def __str__(self) -> str:
        """Write it as it is given."""
        which = f"index={self.index}" if self.name is None else f"name={_escaped(self.name)}"
        return f"systemd:domain={self.domain}:{which}"


Endpoint = TcpEndpoint | UnixEndpoint | SystemdEndpoint


def endpoint_of(text: str) -> Endpoint:
    """Read an endpoint string.

    :raises StartupError: it is none that can be used, with the line that says what is.
    """
    kind, *parts = _PART.findall(text)
    if kind == "tcp":
        return _tcp(text, _arguments(text, parts, ("port", "interface")), "0.0.0.0")
    if kind == "tcp6":
        return _tcp(text, _arguments(text, parts, ("port", "interface")), "::")
    if kind == "unix":
        return _unix(text, _arguments(text, parts, ("address", "mode")))
    if kind == "systemd":
        return _systemd(text, _arguments(text, parts, ("domain", "index", "name")))
    if kind == "ssl":
        raise StartupError(f"--listen {text!r} can't be used: write tcp: instead of ssl:, and add --https.")
    raise StartupError(
        f"--listen must be as tcp:8080:interface=127.0.0.1, unix:/run/peerstor.sock:mode=660 or"
        f" systemd:domain=INET:index=0, not {text!r}."
    )


def _arguments(text: str, parts: list[str], names: tuple[str, ...]) -> Mapping[str, str]:
    """Name the parts behind the kind; those without a name of their own have the one of their place."""
    found: dict[str, str] = {}
    for place, part in enumerate(parts):
        name, equals, value = re.split(r"(?<!\\)(=)", part, maxsplit=1) if _is_named(part) else ("", "", part)
        name = name if equals else (names[place] if place < len(names) else "")
        if name not in names or name in found:
            raise StartupError(
                f"--listen {text!r} has {part!r}, which means nothing there: {text.partition(':')[0]}: takes"
                f" {', '.join(names)}, each once. A colon in a path is written \\:."
            )
        found[name] = re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)
    return found


def _is_named(part: str) -> bool:
    return re.match(r"(?:\\.|[^\\=])*=", part, re.DOTALL) is not None


def _tcp(text: str, given: Mapping[str, str], anywhere: str) -> TcpEndpoint:
    port = given.get("port", "")
    if not _DIGITS.fullmatch(port) or int(port) > 65535:
        raise StartupError(f"--listen {text!r} needs a port from 0 to 65535, as tcp:8080.")
    interface = given.get("interface", anywhere)
    if interface.startswith("[") and interface.endswith("]"):
        interface = interface[1:-1]
    if not interface or re.search(r"[\s/@\[\]]", interface) or (":" in interface and not _is_address(interface)):
        raise StartupError(
            f"--listen {text!r} needs an address or a name of this machine behind interface=, as"
            " interface=127.0.0.1 or interface=[::1]."
        )
    return TcpEndpoint(int(port), interface)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _unix(text: str, given: Mapping[str, str]) -> UnixEndpoint:
    path = given.get("address", "")
    if not path or "\0" in path or path.endswith("/"):
        raise StartupError(f"--listen {text!r} needs a path, as unix:/run/peerstor.sock.")
    absolute = os.path.abspath(os.fsencode(path))
    if len(absolute) > PATH_AT_MOST:
        raise StartupError(
            f"--listen {text!r} names a path of {len(absolute)} bytes; a socket's may have {PATH_AT_MOST}."
        )
    mode = given.get("mode", "660")
    if not _MODE.fullmatch(mode):
        raise StartupError(f"--listen {text!r} needs three octal digits behind mode=, as mode=660.")
    return UnixEndpoint(absolute, int(mode, 8))


def _systemd(text: str, given: Mapping[str, str]) -> SystemdEndpoint:
    domain, index, name = given.get("domain"), given.get("index"), given.get("name")
    if domain not in ("INET", "INET6", "UNIX"):
        raise StartupError(f"--listen {text!r} needs domain=INET, domain=INET6 or domain=UNIX.")
    if (index is None) == (name is None):
        raise StartupError(f"--listen {text!r} needs one of index=0 and name=NAME, to tell which socket is meant.")
    if index is not None and not _DIGITS.fullmatch(index):
        raise StartupError(f"--listen {text!r} needs a whole number behind index=.")
    if name is not None and not _NAME.fullmatch(name):
        raise StartupError(f"--listen {text!r} needs the socket's FileDescriptorName= behind name=.")
    return SystemdEndpoint(domain, None if index is None else int(index), name)


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)
