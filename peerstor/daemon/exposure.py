"""What of the server's own lies in the storage, where clients would read, replace or delete it."""

import os
from collections.abc import Iterable

from attrs import frozen

from peerstor.endpoints import UnixEndpoint, endpoint_of
from peerstor.errors import StartupError
from peerstor.settings import Settings

PRIVATE = b".peerstor"
"""The folder at the root of a storage that no client reaches."""

Identity = tuple[int, int]
"""(device, inode)."""


@frozen
class Own:
    """A file or folder that holds secrets, or that the server trusts or writes.

    :param what: how people call it: `state folder`.
    :param path: absolute, there or not.
    :param option: how another one is named: `--state DIR`.
    """

    what: str
    path: bytes
    option: str


def owns(settings: Settings, config: str | None) -> list[Own]:
    """List all that settings name.

    A certificate alone is no secret: every client gets it. Its key may lie in the same file.

    :param config: path of the file that they come from; None for none.
    """
    found = [*_state(settings), *owned_logs(settings)]
    if settings.key is not None:
        found.append(Own("key", settings.key, "--key FILE"))
    elif settings.cert is not None:
        found.append(Own("key", settings.cert, "--cert FILE"))
    if config is not None:
        found.append(Own("file of settings", os.fsencode(config), "--config FILE"))
    for endpoint in map(endpoint_of, settings.listen):
        if isinstance(endpoint, UnixEndpoint):
            found.append(Own("socket", endpoint.path, "--listen unix:PATH"))
    return found


def owned_logs(settings: Settings) -> list[Own]:
    """List the logs that settings name."""
    found = []
    if settings.access_log is not None:
        found.append(Own("access log", settings.access_log, "--access-log FILE"))
    if isinstance(settings.audit_log, bytes):
        found.append(Own("audit log", settings.audit_log, "--audit-log FILE"))
    return found


def refuse_exposed_state(settings: Settings) -> None:
    """Refuse a folder for the state that clients reach. Blocks.

    :raise StartupError: the one line says so.
    """
    refuse_exposed(settings.storage, _state(settings))


def refuse_exposed(storage: bytes, found: Iterable[Own]) -> None:
    """Refuse what clients reach. Blocks.

    :raise StartupError: the one line says what it is, and what to do.
    """
    for own in found:
        if lies_in(own.path, storage):
            raise StartupError(f"{exposed_line(own)} Move it out, and name the new place: {own.option}.")


def exposed_line(own: Own) -> str:
    """Say that clients reach something."""
    return f"The {own.what} {_shown(own.path)} lies in the storage, where clients reach it."


def lies_in(path: bytes, storage: bytes) -> bool:
    """Tell whether a file or folder lies in a storage, or is it, outside of the private folder. Blocks.

    Both the way to it as it is named counts (a link in the storage is a client's to replace) and where that leads.
    Folders are told by what they are: the storage may be mounted twice, or named by another way.

    :param path: absolute, there or not.
    :param storage: path of the storage folder, there or not.
    """
    root, identity = os.path.realpath(storage), _identity(storage)
    return any(_passes(way, root, identity) for way in (os.path.abspath(path), os.path.realpath(path)))


def _passes(way: bytes, root: bytes, identity: Identity | None) -> bool:
    """Tell whether a way goes through a folder, and on to anything but its private one."""
    inner = b""
    while True:
        here = way == root or (identity is not None and _identity(way) == identity)
        if here and inner != PRIVATE:
            return True
        above, inner = os.path.split(way)
        if above == way:
            return False
        way = above


def _identity(path: bytes) -> Identity | None:
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # what nobody can look at nobody can use either
        return None
    return found.st_dev, found.st_ino


def _state(settings: Settings) -> list[Own]:
    return [] if settings.state is None else [Own("state folder", settings.state, "--state DIR")]


def _shown(path: bytes) -> str:
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)
