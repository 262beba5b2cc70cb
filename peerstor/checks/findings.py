"""What a check found, in words."""

from enum import Enum

from attrs import frozen


class Level(Enum):
    """How it is."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@frozen
class Finding:
    """What a check found.

    :param subject: what was looked at, in one or two words.
    :param text: how it is, in a sentence or two.
    :param advice: what to do; None where nothing is to be done.
    """

    subject: str
    level: Level
    text: str
    advice: str | None = None


def ok(subject: str, text: str, advice: str | None = None) -> Finding:
    """Say that something is as it should be."""
    return Finding(subject, Level.OK, text, advice)


def warning(subject: str, text: str, advice: str) -> Finding:
    """Say that PeerStor runs, and not as well as it could."""
    return Finding(subject, Level.WARNING, text, advice)


def wrong(subject: str, text: str, advice: str) -> Finding:
    """Say that something doesn't work, or loses or leaks what is stored."""
    return Finding(subject, Level.WRONG, text, advice)


def shown(path: bytes) -> str:
    """Write a path in one line."""
    text = path.decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)
