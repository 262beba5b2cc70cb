"""The settings by each of the names that they are given by."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any

from attrs import fields, frozen

from peerstor.settings import Option, Settings

PREFIX = "PEERSTOR_"
"""Begins every variable that is ours, and none that isn't."""

ALIKE = 0.7
"""How alike two variables are, of 1, for one to be taken for the other misspelt: `NO_GZIP` for `GZIP` is, and
`TLS_ARGS`, which may be a script's own, for `HSTS` isn't."""


@frozen(eq=False)
class Named:
    """A setting and its names.

    :param setting: its name in `Settings`.
    :param option: how it is given.
    :param convert: checks a value and gives it its type; raises StartupError.
    """

    setting: str
    option: Option
    convert: Callable[[Any], Any]

    @property
    def key(self) -> str:
        """Its name in a file: the option's, but `gzip` where that is `--no-gzip`; there it is true or false."""
        return self.setting.replace("_", "-")

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return PREFIX + self.setting.upper()


def _converter(convert: Any) -> Callable[[Any], Any]:
    return convert if callable(convert) else (lambda value: value)


NAMED = tuple(Named(field.name, field.metadata[Option], _converter(field.converter)) for field in fields(Settings))
BY_KEY = {named.key: named for named in NAMED}
BY_VARIABLE = {named.variable: named for named in NAMED}


def nearest(word: str, known: Iterable[str]) -> str:
    """Word which name was probably meant, as the end of a sentence."""
    found = get_close_matches(word, list(known), 1)
    return f"did you mean {found[0]}?" if found else "peerstor --help tells which there are."


def misspelt(variable: str, known: Iterable[str]) -> str | None:
    """Tell which variable was clearly meant by one that doesn't exist; None where none was.

    :param known: variables that there are.
    """
    ends = [one.removeprefix(PREFIX) for one in known]
    found = get_close_matches(variable.removeprefix(PREFIX), ends, 1, cutoff=ALIKE)
    return PREFIX + found[0] if found else None


def printable(text: str) -> str:
    """Write text in one line, whatever it holds."""
    plain = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in plain)
