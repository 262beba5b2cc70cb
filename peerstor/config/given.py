"""Values as they were given, with where that was."""

from enum import Enum
from typing import Any

from attrs import field, frozen

from peerstor.config.names import Named
from peerstor.errors import StartupError


class Source(Enum):
    """Where a value comes from."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    COMMAND_LINE = "command line"


@frozen
class Given:
    """A value that was checked.

    :param spelled: how a message speaks of it: `--port`, `PEERSTOR_PORT`, `port in /etc/peerstor.toml`.
    """

    value: Any = field(repr=False)  # it may be a secret
    source: Source
    spelled: str


def checked(named: Named, value: Any, source: Source, spelled: str) -> Given:
    """Check a value by itself.

    :raise StartupError: it isn't allowed; the line names it as whoever gave it knows it.
    """
    try:
        return Given(named.convert(value), source, spelled)
    except StartupError as error:
        raise StartupError(str(error).replace(f"--{named.option.name}", spelled, 1)) from None
