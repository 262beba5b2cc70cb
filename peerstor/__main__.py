"""`python -m peerstor` and the command `peerstor`: the daemon in the foreground, or what is done beside it."""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

from attrs import frozen
from twisted.application.service import ServiceMaker
from twisted.python.usage import Options as UsageOptions
from twisted.scripts._twistd_unix import ServerOptions
from twisted.scripts.twistd import runApp

from peerstor.tap import Options

Work = tuple[type[UsageOptions], Callable[[Sequence[str]], None]]
"""What may stand behind the word of a command, and what does it."""


class ForegroundOptions(Options):
    """PeerStor's options, called without twistd."""

    synopsis = "Usage: peerstor [options]"

    def beside(self) -> list[str]:
        """Give the lines of the help on the commands."""
        told = [f"  {command.name:<24}{command.help}" for command in COMMANDS]
        return ["Commands, each with a --help of its own:", *told]


class CheckOptions(Options):
    """The same, to be told and not to be run."""

    synopsis = "Usage: peerstor check-config [options]"


class DoctorOptions(Options):
    """The same, to be looked at and not to be run."""

    synopsis = "Usage: peerstor doctor [options of the server] [--json]"
    optFlags = [["json", None, "Print what was found as JSON."]]  # noqa: RUF012

    def beside(self) -> list[str]:
        """Give the lines of the help on what no server has."""
        return [f"  {'--json':<24}Print what was found as JSON."]


class Foreground(ServerOptions):
    """twistd's options as `twistd -n peerstor` has them, without a search for plugins."""

    subCommands = [["peerstor", None, ForegroundOptions, "PeerStor"]]  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.loadedPlugins = {"peerstor": ServiceMaker("PeerStor", "peerstor.tap", "PeerStor", "peerstor")}


@frozen
class Command:
    """What can be done beside running the server.

    :param name: the word behind `peerstor`.
    :param help: what it does, in a few words.
    :param load: imports it. The server needs none of them, and they bring in what it does without.
    """

    name: str
    help: str
    load: Callable[[], Work]

    @property
    def options(self) -> type[UsageOptions]:
        """What may stand behind that word."""
        return self.load()[0]

    def run(self, arguments: Sequence[str]) -> None:
        """Do it, given what stands behind that word."""
        self.load()[1](arguments)


class Completed(ForegroundOptions):
    """All that a command line may be, for shells that complete one."""

    @property
    def subCommands(self) -> list[list[Any]]:
        """The commands, as twisted wants them."""
        return [[command.name, None, command.options, command.help] for command in COMMANDS]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run PeerStor until it is told to stop, or do what is to be done beside it.

    :param arguments: the command line without the program's name; by default this process's own.
    :raises SystemExit: with one line when that can't be; without a word, and with the status that shells give to a
        program that SIGPIPE ended, where nobody reads any more what is printed, as behind `| head`.
    """
    try:
        try:
            _run(sys.argv[1:] if arguments is None else arguments)
        finally:
            print(end="", flush=True)  # later on nobody could catch what comes of it
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left in the buffer
        raise SystemExit(128 + signal.SIGPIPE) from None


def _run(given: Sequence[str]) -> None:
    if given[-2:-1] == ["--_shell-completion"]:
        Completed().parseOptions(list(given))
    for command in COMMANDS:
        if given[:1] == [command.name]:
            command.run(given[1:])
            return
    config = Foreground()
    config.parseOptions(["--nodaemon", "peerstor", *given])
    runApp(config)


def _check(arguments: Sequence[str]) -> None:
    from peerstor.commands.checking import lines_of  # see Command.load
    from peerstor.daemon.exposure import owns, refuse_exposed
    from peerstor.errors import StartupError

    options = CheckOptions()
    options.parseOptions(list(arguments))
    try:
        refuse_exposed(options.settings.storage, owns(options.settings, options.sources.file))
    except StartupError as error:
        raise SystemExit(f"peerstor: {error}") from None
    for line in options.configuration.warnings:
        print(f"peerstor: {line}", file=sys.stderr)
    print("\n".join(lines_of(options.configuration)))


def _doctor(arguments: Sequence[str]) -> None:
    from peerstor.commands import doctor  # see Command.load

    options = DoctorOptions()
    options.parseOptions(list(arguments))
    sys.exit(doctor.run(options.configuration, as_json=bool(options["json"])))


def _token() -> Work:
    from peerstor.commands import token  # see Command.load

    return token.Command, token.run


def _backup() -> Work:
    from peerstor.commands import backup  # see Command.load

    return backup.Backup, backup.run


def _restore() -> Work:
    from peerstor.commands import restore  # see Command.load

    return restore.Restore, restore.run


COMMANDS = (
    Command("token", "Make, list and revoke named tokens.", _token),
    Command(
        "check-config", "Tell what would run, and where each setting comes from.", lambda: (CheckOptions, _check)
    ),
    Command(
        "doctor", "Look for everything that may be wrong, and say what to do.", lambda: (DoctorOptions, _doctor)
    ),
    Command("backup", "Write the state of a storage to one file.", _backup),
    Command("restore", "Bring the state of a storage back from such a file.", _restore),
)


if __name__ == "__main__":
    main()
