"""Settings in a file of TOML, by their keys: `max-upload = "1GiB"`."""

import os
import stat
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from peerstor.config.given import Given, Source, checked
from peerstor.config.names import BY_KEY, NAMED, Named, nearest, printable
from peerstor.errors import StartupError
from peerstor.settings import Kind

LARGEST = 1024 * 1024
"""Bytes that a file may have. Whatever is larger is another file, taken by mistake."""

_TYPES: dict[Kind, tuple[tuple[type, ...], str]] = {
    "flag": ((bool,), "true or false"),
    "text": ((str,), "a string"),
    "path": ((str,), "a string"),
    "whole number": ((int,), "a whole number"),
    "number": ((int, float), "a number"),
    "size": ((int, str), 'a size, as 65536 or "64K"'),
}

_WORDS = (  # a bool is an int as well, so it comes first
    (bool, "true or false"),
    (int, "a whole number"),
    (float, "a number with a fraction"),
    (str, "a string"),
    (list, "an array"),
    (dict, "a table"),
)


@frozen
class Content:
    """What a file says.

    :param given: by the names in `Settings`.
    :param warnings: what isn't wrong, and not good either.
    """

    given: Mapping[str, Given]
    warnings: tuple[str, ...]


def read_file(path: str) -> Content:
    """Read the settings in a file. Blocks.

    Paths in it are relative to the folder that it lies in.

    :param path: absolute.
    :raise StartupError: it can't be read, is no TOML, or has a key or value that isn't allowed.
    """
    import tomllib  # not at the top: most starts have no file to read

    text, mode = _text(path)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StartupError(f"{printable(path)} can't be read: {printable(str(error)).rstrip('.')}.") from None
    given = {}
    for key, value in table.items():
        named = _named(key, value, path)
        spelled = f"{key} in {printable(path)}"
        value = _settled(named, _typed(named, value, spelled), os.path.dirname(path))
        given[named.setting] = checked(named, value, Source.FILE, spelled)
    return Content(given, tuple(_warnings(path, mode, given)))


def _text(path: str) -> tuple[str, int]:
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise StartupError(f"{printable(path)} is too large for a file of settings.")
        return data.decode("utf-8"), mode
    except OSError as error:
        raise StartupError(f"{printable(path)} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise StartupError(f"{printable(path)} can't be read: it is no UTF-8.") from None


def _named(key: str, value: object, path: str) -> Named:
    if key in BY_KEY:
        return BY_KEY[key]
    if isinstance(value, dict):
        raise StartupError(
            f"[{printable(key)}] in {printable(path)} is a table; every setting stands at the top, in none."
        )
    for named in NAMED:
        if named.option.kind == "flag" and named.option.name == key:
            raise StartupError(f"There is no setting {key} in {printable(path)}; write {named.key} = false.")
    raise StartupError(f"There is no setting {printable(key)} in {printable(path)}; {nearest(key, BY_KEY)}")


def _typed(named: Named, value: Any, spelled: str) -> Any:
    if named.option.repeatable:
        if isinstance(value, list) and all(isinstance(part, str) for part in value):
            return value
        raise StartupError(f"{spelled} must be an array of strings, not {_word(value)}.")
    types, wanted = _TYPES[named.option.kind]
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise StartupError(f"{spelled} must be {wanted}, not {_word(value)}.")
    return value


def _word(value: object) -> str:
    if isinstance(value, list) and value:
        return "an array with others in it"
    return next((word for kind, word in _WORDS if isinstance(value, kind)), "a date or time")


def _settled(named: Named, value: Any, folder: str) -> Any:
    """Take a path as one in the file's folder, unless it is a word that stands for something else, or empty."""
    words = (named.option.value or "").split("|")
    if named.option.kind != "path" or value in words or not value:
        return value
    return os.path.join(folder, value)


def _warnings(path: str, mode: int, given: Mapping[str, Given]) -> list[str]:
    secrets = [named.key for named in NAMED if named.option.secret and named.setting in given]
    if not secrets or not mode & stat.S_IROTH:
        return []
    shown = printable(path)
    return [
        f"{shown} holds a secret ({', '.join(secrets)}), and every user of this machine can read it:"
        f" chmod o= {shown}"
    ]
