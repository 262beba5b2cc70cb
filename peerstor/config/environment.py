"""Settings in the environment: `PEERSTOR_MAX_UPLOAD=1GiB`."""

from collections.abc import Mapping

from twisted.logger import Logger

from peerstor.config.given import Given, Source, checked
from peerstor.config.names import BY_VARIABLE, PREFIX, Named, misspelt, printable
from peerstor.errors import StartupError

_log = Logger()

CONFIG = f"{PREFIX}CONFIG"
"""Names the file, where the command line doesn't."""

_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def given_in_environment(environ: Mapping[str, str]) -> dict[str, Given]:
    """Read what the environment says of settings, by their names in `Settings`.

    A variable that is empty is as if it weren't there: unit files and containers can't take one away. One that
    only begins like ours is somebody else's (a script has its own): it is left alone, with a warning.

    :raise StartupError: a value isn't allowed, or a variable is one of ours misspelt.
    """
    found = {}
    for variable, text in environ.items():
        if not variable.startswith(PREFIX) or variable == CONFIG or not text:
            continue
        named = BY_VARIABLE.get(variable)
        if named is None:
            meant = misspelt(variable, (*BY_VARIABLE, CONFIG))
            if meant is not None:
                raise StartupError(f"There is no variable {printable(variable)}; did you mean {meant}?")
            _log.warn("{variable} is no variable of PeerStor's; it is ignored.", variable=printable(variable))
            continue
        found[named.setting] = checked(named, _read(named, text), Source.ENVIRONMENT, variable)
    return found


def _read(named: Named, text: str) -> str | bool | list[str]:
    if named.option.kind == "flag":
        if text.lower() not in _WORDS:
            raise StartupError(f"{named.variable} must be true or false, not {text!r}.")
        return _WORDS[text.lower()]
    if named.option.repeatable:
        return [part.strip() for part in text.split(",") if part.strip()]
    return text
