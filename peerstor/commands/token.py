"""`peerstor token add|list|revoke`: named tokens, made and ended while the server runs or not."""

import json
import os
import stat
import sys
import time
from collections.abc import Sequence
from typing import Any

from twisted.python.usage import Options, UsageError

from peerstor.access.database import Database
from peerstor.access.digests import SecretDigest
from peerstor.access.keyring import FRESH
from peerstor.access.rights import Right
from peerstor.access.tokens import Token, Tokens, check_name, spelled
from peerstor.commands.options import StorageOptions, abandon_output, line_of, print_version
from peerstor.commands.place import Place, place_of
from peerstor.commands.words import end_of, rights_of, spelled_time
from peerstor.errors import BadName, BadPath, Exists, Fault
from peerstor.tree.paths import TreePath

IN_FORCE_AFTER = FRESH + 0.25
"""Seconds after which every server has noticed a change, with a little for the look itself."""


class _Command(StorageOptions):
    """What the commands have in common."""

    def run(self, tokens: Tokens, place: Place) -> None:
        """Do it."""
        raise NotImplementedError


class Add(_Command):
    """`token add NAME`."""

    synopsis = "Usage: peerstor token add NAME [options]"
    longdesc = (
        "Makes a token and prints its secret, alone, on standard output. It is shown this once. A running server"
        f" takes it within {FRESH:g} s."
    )
    optParameters = [  # noqa: RUF012
        ["rights", None, "read,create,change", "What it allows: any of read, create, change, share, admin."],
        ["path", None, "/", "The folder that it is for, and all below, from the root of the storage."],
        ["expires", None, None, "When it ends: 90m, 12h, 30d or 2w from now, or after a day as 2027-01-31."],
    ]
    name: str
    rights: Right
    path: TreePath
    end: float | None

    def parseArgs(self, *names: str) -> None:
        """Take the name."""
        self.name = _only(names)

    def postOptions(self) -> None:
        """Check the values."""
        super().postOptions()
        try:
            check_name(self.name)
            self.path = TreePath.from_parameter(os.fsencode(self["path"]))
            if self.path.has_private:
                raise BadPath()
        except BadName:
            raise UsageError(
                f"{self.name!r} can't be a token's name: letters, digits and ._@- can, up to 64, a letter or digit"
                " first, but not anonymous or owner."
            ) from None
        except BadPath:
            raise UsageError(
                f"--path must be a folder in the storage as /photos/2026, without . or .., not {self['path']!r}."
            ) from None
        self.rights = rights_of(self["rights"])
        self.end = end_of(self["expires"], time.time()) if self["expires"] is not None else None

    def run(self, tokens: Tokens, place: Place) -> None:
        """Make the token and print its secret."""
        first = not tokens.all()
        try:
            secret = tokens.add(self.name, self.rights, self.path.parts, self.end)
        except Exists:
            raise SystemExit(
                f"peerstor: The name {self.name} is taken. Choose another, or revoke that token first:"
                f" peerstor token revoke {self.name}."
            ) from None
        try:
            self._explain(place, first=first)
            print(secret, flush=True)
        except OSError as error:
            # Nobody knows the secret, and nobody ever will.
            tokens.revoke(self.name)
            abandon_output()
            raise SystemExit(f"peerstor: The secret could not be printed ({error.strerror}): no token.") from None

    def _explain(self, place: Place, *, first: bool) -> None:
        until = "without end" if self.end is None else f"until {spelled_time(self.end)}"
        _note(f"Token {self.name}: {spelled(self.rights)} at {self.path} and below, {until}.")
        if not _is_folder(os.path.join(place.storage, self.path.joined)):
            _note(f"There is no folder {self.path} yet.")
        if first:
            _note(
                "It is the first one: who has none may do nothing from now on, unless the server was started with"
                " --anonymous."
            )
        _note("Its secret, shown this once:")


class List(_Command):
    """`token list`."""

    synopsis = "Usage: peerstor token list [options]"
    longdesc = "Tells the tokens and what they allow. Their secrets are kept nowhere."
    optFlags = [["json", None, "As JSON, times in seconds since the epoch."]]  # noqa: RUF012

    def run(self, tokens: Tokens, place: Place) -> None:
        """Print the tokens."""
        found, now = tokens.all(), time.time()
        if self["json"]:
            print(json.dumps([_as_json(token, now) for token in found], indent=2))
        elif found:
            print(_table([_HEAD, *(_row(token, now) for token in found)]))
        else:
            _note("There are no tokens.")


class Revoke(_Command):
    """`token revoke NAME`."""

    synopsis = "Usage: peerstor token revoke NAME [options]"
    longdesc = (
        "Ends a token, the sessions begun with it and what is being transferred with it. When it says so, that is"
        " in force."
    )
    name: str

    def parseArgs(self, *names: str) -> None:
        """Take the name."""
        self.name = _only(names)

    def run(self, tokens: Tokens, place: Place) -> None:
        """End the token, and wait until every server knows."""
        if not tokens.revoke(self.name):
            raise SystemExit(f"peerstor: There is no token {self.name!r}.")
        time.sleep(IN_FORCE_AFTER)
        print(f"revoked {self.name}")
        if not len(tokens):
            _note(
                "No token is left: everybody who reaches the server may read and add files, unless it was started"
                " with --anonymous or --token."
            )


class Command(Options):
    """`peerstor token`."""

    synopsis = "Usage: peerstor token add|list|revoke [options]"
    longdesc = "Named tokens: each lets whoever has its secret do what it allows, below a folder, for a time."
    subCommands = [  # noqa: RUF012
        ["add", None, Add, "Make a token and print its secret."],
        ["list", None, List, "Tell the tokens."],
        ["revoke", None, Revoke, "End a token."],
    ]

    def getSynopsis(self) -> str:
        """Say how it is called."""
        return self.synopsis

    def opt_version(self) -> None:
        """Print the version and exit."""
        print_version()

    def postOptions(self) -> None:
        """Take nothing but a command."""
        if self.subCommand is None:
            raise UsageError("Say what to do: token add NAME, token list or token revoke NAME.")


def run(arguments: Sequence[str]) -> None:
    """Do what a command line asks for.

    :param arguments: what stands behind `token`.
    :raise SystemExit: with one line when it can't be done.
    """
    command = Command()
    try:
        command.parseOptions(list(arguments))
        asked: Any = command.subOptions
        with place_of(asked.settings) as place:
            asked.run(_tokens(place), place)
            sys.stdout.flush()
    except BrokenPipeError:
        abandon_output()
        raise SystemExit(1) from None
    except (UsageError, Fault, OSError) as error:
        raise SystemExit(f"peerstor: {line_of(error, 'token')}") from None


def _tokens(place: Place) -> Tokens:
    digest = SecretDigest(folder=place.folder, name=SecretDigest.name_for(place.instance_id))
    path = Database.path_in(place.folder, place.instance_id)
    return Tokens(database=Database(path=path, key=digest.path, fsync=True), digest=digest, wall=time.time)


def _only(names: Sequence[str]) -> str:
    if len(names) != 1:
        raise UsageError(f"One name is needed, not {len(names)}.")
    return names[0]


def _is_folder(path: bytes) -> bool:
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except OSError:
        return False


_HEAD = ("NAME", "RIGHTS", "PATH", "CREATED", "EXPIRES")


def _row(token: Token, now: float) -> tuple[str, ...]:
    expires = "never" if token.expires is None else spelled_time(token.expires)
    return (
        token.name,
        spelled(token.grant.rights),
        str(_path(token)),
        spelled_time(token.created),
        expires if token.is_live(now) else f"{expires} (over)",
    )


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _as_json(token: Token, now: float) -> dict[str, object]:
    return {
        "name": token.name,
        "rights": spelled(token.grant.rights).split(","),
        "path": _path(token).display(),
        "created": token.created,
        "expires": token.expires,
        "expired": not token.is_live(now),
    }


def _path(token: Token) -> TreePath:
    return TreePath(parts=token.grant.parts, slash=True)


def _note(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
