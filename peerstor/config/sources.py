"""All sources of settings together: the command line counts more than the environment, that more than the file."""

import os
import re
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from peerstor.config.environment import CONFIG, given_in_environment
from peerstor.config.file import Content, read_file
from peerstor.config.given import Given, Source, checked
from peerstor.config.names import NAMED
from peerstor.errors import StartupError
from peerstor.settings import Settings
from peerstor.values import folder

_OPTION = re.compile(r"--([a-z][a-z-]*[a-z])")


@frozen
class Configuration:
    """What holds, and why.

    :param given: by the names in `Settings`; all of them.
    :param file: that was read; None for none.
    :param warnings: what isn't wrong, and not good either.
    """

    settings: Settings
    given: Mapping[str, Given]
    file: str | None
    warnings: tuple[str, ...]


class Sources:
    """Where a process takes its settings from. Only the file can say something else later on.

    :ivar file: path of the file, absolute; None for none.
    """

    def __init__(self, *, command_line: Mapping[str, Any], environ: Mapping[str, str], file: str | None) -> None:
        """Check what can't change any more.

        :param command_line: values as they were given there, by the names in `Settings`.
        :param file: what `--config` says; None leaves it to the environment.
        :raise StartupError: a value isn't allowed, or a variable is unknown.
        """
        self.file = _path(file, environ)
        self._fixed = given_in_environment(environ)
        # A default may depend on the working folder, which a daemon leaves.
        defaults = Settings()
        self._defaults = {
            named.setting: Given(getattr(defaults, named.setting), Source.DEFAULT, f"--{named.option.name}")
            for named in NAMED
        }
        for named in NAMED:
            if named.setting in command_line:
                self._fixed[named.setting] = checked(
                    named, command_line[named.setting], Source.COMMAND_LINE, f"--{named.option.name}"
                )

    def read(self) -> Configuration:
        """Read the file, if there is one, and put everything together. Blocks.

        :raise StartupError: the file can't be read or says what isn't allowed, or settings contradict each other.
        """
        content = Content({}, ()) if self.file is None else read_file(self.file)
        given = {**self._defaults, **content.given, **self._fixed}
        try:
            settings = Settings(**{name: one.value for name, one in given.items()})
        except StartupError as error:
            raise StartupError(_respelled(str(error), given)) from None
        return Configuration(settings, given, self.file, content.warnings)


def _path(file: str | None, environ: Mapping[str, str]) -> str | None:
    if file is None:
        file = environ.get(CONFIG) or None
    return None if file is None else os.fsdecode(folder(file, "config"))


def _respelled(line: str, given: Mapping[str, Given]) -> str:
    """Name settings by where they were given, each once, in a line that names them by their options."""
    spelled = {named.option.name: given[named.setting].spelled for named in NAMED}
    return _OPTION.sub(lambda found: spelled.pop(found[1], found[0]), line)
