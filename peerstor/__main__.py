"""`python -m peerstor` and the command `peerstor`: the daemon in the foreground, with the same options."""

import sys
from collections.abc import Sequence

from twisted.application.service import ServiceMaker
from twisted.scripts._twistd_unix import ServerOptions
from twisted.scripts.twistd import runApp

from peerstor.tap import Options


class ForegroundOptions(Options):
    """PeerStor's options, called without twistd."""

    synopsis = "Usage: peerstor [options]"


class Foreground(ServerOptions):
    """twistd's options as `twistd -n peerstor` has them, without a search for plugins."""

    subCommands = [["peerstor", None, ForegroundOptions, "PeerStor"]]  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.loadedPlugins = {"peerstor": ServiceMaker("PeerStor", "peerstor.tap", "PeerStor", "peerstor")}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run PeerStor until it is told to stop.

    :param arguments: the command line without the program's name; by default this process's own.
    :raises SystemExit: with one line when PeerStor can't start.
    """
    config = Foreground()
    config.parseOptions(["--nodaemon", "peerstor", *(sys.argv[1:] if arguments is None else arguments)])
    runApp(config)


if __name__ == "__main__":
    main()
