"""The options by which a command finds a storage, and what every command does at its end."""

import getopt
import os
import sys
from collections.abc import Mapping, Sequence

from twisted.python.usage import Options, UsageError

from peerstor import __version__
from peerstor.config.sources import Sources
from peerstor.errors import NoSpace, StorageUnavailable
from peerstor.settings import Settings


class StorageOptions(Options):
    """The options that name the storage, before or behind the arguments.

    :cvar environ: the variables that settings are taken from.
    """

    optParameters = [  # noqa: RUF012
        ["storage", None, None, "The storage folder. [default: ./data]"],
        ["state", None, None, "The folder for PeerStor's databases, where the server was given one."],
        ["config", None, None, "The server's file of settings, which may name both; so may the environment."],
    ]
    environ: Mapping[str, str] = os.environ
    synopsis: str
    settings: Settings

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse the command line; options may stand behind the arguments too."""
        super().parseOptions(_options_first(options or (), self.longOpt))

    def postOptions(self) -> None:
        """Check the values."""
        given = {name: self[name] for name in ("storage", "state") if self[name] is not None}
        self.settings = Sources(command_line=given, environ=self.environ, file=self["config"]).read().settings

    def getSynopsis(self) -> str:
        """Say how it is called."""
        return self.synopsis

    def opt_version(self) -> None:
        """Print the version and exit."""
        print_version()


def print_version() -> None:
    """Print the version and exit."""
    print(f"PeerStor {__version__}")
    sys.exit(0)


def abandon_output() -> None:
    """Throw away what can't be written, which Python would try again when it ends, and complain of."""
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def line_of(error: Exception, command: str) -> str:
    """Word what went wrong as one line.

    :param command: the word behind `peerstor`.
    """
    if isinstance(error, UsageError):
        text = str(error).rstrip(".")
        return f"{text[:1].upper()}{text[1:]}. See peerstor {command} --help."
    if isinstance(error, NoSpace):
        return "The disk is full."
    if isinstance(error, StorageUnavailable):
        return error.reason
    if isinstance(error, OSError):
        return f"{error.strerror or error}."
    return str(error)


def _options_first(arguments: Sequence[str], known: Sequence[str]) -> list[str]:
    """Put options before the other arguments, as usage wants them.

    :param known: the long options, those that take a value with a `=` behind.
    """
    try:
        options, others = getopt.gnu_getopt(list(arguments), "", list(known))
    except getopt.GetoptError as error:
        raise UsageError(str(error)) from None
    first = [f"{name}={value}" if f"{name[2:]}=" in known else name for name, value in options]
    return [*first, "--", *others]
