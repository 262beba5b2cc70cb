"""`python -m peerstor` and the command `peerstor`: the daemon in the foreground, or what is done beside it."""

import sys
from collections.abc import Sequence

from twisted.application.service import ServiceMaker
from twisted.scripts._twistd_unix import ServerOptions
from twisted.scripts.twistd import runApp

from peerstor.commands import token
from peerstor.commands.checking import lines_of
from peerstor.tap import Options


class ForegroundOptions(Options):
    """PeerStor's options, called without twistd."""

    synopsis = "Usage: peerstor [options]"


class CheckOptions(Options):
    """The same, to be told and not to be run."""

    synopsis = "Usage: peerstor check-config [options]"


class Foreground(ServerOptions):
    """twistd's options as `twistd -n peerstor` has them, without a search for plugins."""

    subCommands = [["peerstor", None, ForegroundOptions, "PeerStor"]]  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.loadedPlugins = {"peerstor": ServiceMaker("PeerStor", "peerstor.tap", "PeerStor", "peerstor")}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run PeerStor until it is told to stop, or do what is to be done beside it.

    :param arguments: the command line without the program's name; by default this process's own.
    :raises SystemExit: with one line when that can't be.
    """
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["token"]:
        token.run(given[1:])
        return
    if given[:1] == ["check-config"]:
        _check(given[1:])
        return
    config = Foreground()
    config.parseOptions(["--nodaemon", "peerstor", *given])
    runApp(config)


def _check(arguments: Sequence[str]) -> None:
    options = CheckOptions()
    options.parseOptions(list(arguments))
    for line in options.configuration.warnings:
        print(f"peerstor: {line}", file=sys.stderr)
    print("\n".join(lines_of(options.configuration)))


if __name__ == "__main__":
    main()
