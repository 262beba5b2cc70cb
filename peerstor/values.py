"""Reading the values of settings as people write them: each function refuses what makes no sense, in one line."""

import math
import os
import re
from collections.abc import Callable
from ipaddress import ip_network
from typing import Any, Literal
from urllib.parse import quote, unquote

from peerstor.endpoints import endpoint_of
from peerstor.errors import StartupError

KIB, MIB, GIB, TIB = 2**10, 2**20, 2**30, 2**40
LARGEST = 2**63 - 1

Anonymous = Literal["none", "read", "create", "full"]
ANONYMOUS: tuple[Anonymous, ...] = ("none", "read", "create", "full")

LogFormat = Literal["text", "json"]

_DIGITS = re.compile(r"[0-9]{1,19}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?", re.ASCII)
_SIZE = re.compile(r"([0-9]{1,19}) ?(|b|[kmgt]|[kmgt]b|[kmgt]ib)", re.ASCII | re.IGNORECASE)
_HOST_NAME = re.compile(r"\.?(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*", re.ASCII)
_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(:[0-9]{1,5})?", re.ASCII)


def whole_number(value: str | int, name: str, least: int, most: int, unit: str = "") -> int:
    """Read a whole number.

    :param name: the option, for the message.
    :param unit: what is counted, with a blank before it, for the message.
    :raises StartupError: when it is none from `least` to `most`.
    """
    text = str(value)
    # Python's int() also takes "+1", "1_0", blanks and other scripts' digits.
    if not _DIGITS.fullmatch(text) or not least <= int(text) <= most:
        raise StartupError(f"--{name} must be a whole number{unit} from {least} to {most}, not {text!r}.")
    return int(text)


def number(value: str | float, name: str, least: float, most: float, unit: str) -> float:
    """Read a number that may have a fraction; the same parameters and error as `whole_number`."""
    text = str(value)
    if not _NUMBER.fullmatch(text) or not least <= float(text) <= most:
        raise StartupError(f"--{name} must be a number{unit} from {least:g} to {most:g}, not {text!r}.")
    return float(text)


def size(value: str | int, name: str, least: int = 0) -> int:
    """Read a size in bytes: digits, with K, M, G, T or KiB … (powers of 1024) or kB, MB … (powers of 1000).

    :raises StartupError: when it is none, or less than `least`.
    """
    found = _SIZE.fullmatch(str(value))
    if found:
        suffix = found[2].lower()
        base = 1000 if suffix.endswith("b") and not suffix.endswith("ib") else 1024
        exponent = "kmgt".index(suffix[0]) + 1 if suffix.strip("b") else 0
        result = int(found[1]) * int(math.pow(base, exponent))
        if least <= result <= LARGEST:
            return result
    raise StartupError(
        f"--{name} must be a size of at least {least} bytes, as 65536, 64K, 10MB or 1GiB, not {str(value)!r}."
    )


def folder(value: str | bytes, name: str) -> bytes:
    """Make a path absolute: the daemon may change its working folder, and then `./data` was another one.

    :raises StartupError: when it is empty.
    """
    if not value:
        raise StartupError(f"--{name} needs a path.")
    return os.path.abspath(os.fsencode(value))


def optional(read: Callable[..., Any], name: str, **limits: Any) -> Callable[[Any], Any]:
    return lambda value: None if value is None else read(value, name, **limits)


def optional_flag(value: Any) -> bool | None:
    return None if value is None else bool(value)


def host_address(value: str) -> str:
    text = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    if not text or re.search(r"[\s/@\[\]]", text):
        raise StartupError(f"--host must be an address or a name of this machine, not {value!r}.")
    return text


def endpoints(values: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    """Write endpoints in the one way, with whatever path they have made absolute."""
    return tuple(str(endpoint_of(value)) for value in values)


def host_names(values: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return tuple(_host_name(value) for value in values)


def _host_name(value: str) -> str:
    text = value.lower().rstrip(".")
    try:
        dot, text = ("." if text.startswith(".") else ""), text.removeprefix(".")
        text = dot + text.encode("idna").decode("ascii")
    except UnicodeError:
        text = ""
    if len(text) > 253 or not _HOST_NAME.fullmatch(text):
        raise StartupError(
            f"--allow-host must be a host name without port, as files.example.org, or .example.org for all"
            f" below it, not {value!r}."
        )
    return text


def base_path(value: str) -> str:
    """Write a path below which everything stands: `/a/b`, percent-encoded; empty for none."""
    segments = [_segment(part) for part in value.removeprefix("/").removesuffix("/").split("/")]
    if value in ("", "/"):
        return ""
    if not all(segments):
        raise StartupError(
            f"--base-path must be a path as /files or /a/b, without blanks, '..', '?' and '#', not {value!r}."
        )
    return "".join(f"/{segment}" for segment in segments)


def _segment(text: str) -> str:
    """Percent-encode a segment of the base path, which may be so already; empty where it can't be one."""
    if re.search("%(?![0-9A-Fa-f]{2})", text):
        return ""
    try:
        plain = unquote(text, errors="strict")
        encoded = quote(plain, safe="!$&()*+=:@~")
    except UnicodeError:
        return ""
    odd = plain in (".", "..") or any(sign in "/?#\\" or sign.isspace() or ord(sign) < 32 for sign in plain)
    return "" if odd or re.search("[\x7f-\x9f]", plain) else encoded


def networks(values: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return tuple(_network(value) for value in values)


def _network(value: str) -> str:
    """Write an address or network in the one way, IPv4 never as IPv6 (RFC 4291, section 2.5.5.2)."""
    if value == "unix":
        return value
    try:
        if "%" in value:  # a zone is one of this machine's, and no part of an address
            raise ValueError(value)
        network = ip_network(value)
    except ValueError:
        raise StartupError(
            f"--trusted-proxy must be an address, a network as 10.0.0.0/8 (no bits set behind its prefix), or"
            f" unix, not {value!r}."
        ) from None
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    return f"{mapped}/{network.prefixlen - 96}" if mapped is not None and network.prefixlen >= 96 else str(network)


def cors_setting(value: str | None) -> str | None:
    if value is None or value in ("*", "none"):
        return value
    text = value.lower()
    if not _ORIGIN.fullmatch(text):
        raise StartupError(
            f"--cors must be an origin as https://example.org (no path), * for any, or none, not {value!r}."
        )
    return text


def audit_log(value: str | bytes | None) -> bytes | str | None:
    return value if value is None or value == "none" else folder(value, "audit-log")


def anonymous_level(value: str | None) -> str | None:
    if value is not None and value not in ANONYMOUS:
        raise StartupError(f"--anonymous must be one of {', '.join(ANONYMOUS)}, not {value!r}.")
    return value


def log_format(value: str) -> str:
    if value not in ("text", "json"):
        raise StartupError(f"--log-format must be text or json, not {value!r}.")
    return value


def token_secret(value: str | None) -> str | None:
    # Not told what it was: the line may end in a log.
    if value is not None and (len(value) < 8 or not value.isprintable() or value != value.strip()):
        raise StartupError(
            "--token must have at least 8 characters, none of them a control character or a blank beside the"
            " plain one, and no blank at its ends."
        )
    return value
