"""The commands beside the server, taken apart: what may stand behind each."""

from collections.abc import Iterator

from attrs import frozen
from twisted.python.usage import Options as UsageOptions

from peerstor import __main__


@frozen
class Told:
    """One command, or one of those of a command.

    :param words: as `token add`.
    :param synopsis: how it is called, from `peerstor` on.
    :param help: what it does.
    :param options: its own, by their names, with what they do; a `=` ends the name of one that takes a value.
    :param commands: the words that must follow; empty for none.
    :param as_server: whether it takes the options of the server.
    """

    words: str
    synopsis: str
    help: str
    options: dict[str, str]
    commands: tuple[str, ...]
    as_server: bool


def told() -> Iterator[Told]:
    """Give the commands, those of a command behind it."""
    for command in __main__.COMMANDS:
        options = command.options()
        yield _told(command.name, options, command.help)
        for name, _, kind, help in getattr(options, "subCommands", ()):
            yield _told(f"{command.name} {name}", kind(), help)


def _told(words: str, options: UsageOptions, help: str) -> Told:
    as_server = isinstance(options, __main__.Options)
    own = {} if as_server else {name: options.docs[name.rstrip("=")] for name in options.longOpt}
    return Told(
        words=words,
        synopsis=options.getSynopsis().removeprefix("Usage: "),
        help=" ".join((getattr(options, "longdesc", None) or help).split()),
        options={name: text for name, text in own.items() if name not in ("version", "help")},
        commands=tuple(name for name, *_ in getattr(options, "subCommands", ())),
        as_server=as_server,
    )
