"""`peerstor check-config`: every setting as it would hold, and where it comes from."""

import json
import os
from collections.abc import Iterator

from peerstor.config.given import Given, Source
from peerstor.config.names import NAMED, Named, printable
from peerstor.config.sources import Configuration

MASK = "********"
"""Stands for a secret, whatever its length."""


def lines_of(configuration: Configuration) -> Iterator[str]:
    """Write a configuration as a file would have it, each line with its source behind.

    What is not set is a comment, a secret is masked, and a name that is no UTF-8 is shown as near as it gets.
    """
    group = None
    for named in NAMED:
        if named.option.group != group:
            if group is not None:
                yield ""
            group = named.option.group
            yield f"# {group}"
        yield _line(named, configuration.given[named.setting], configuration.file)


def _line(named: Named, given: Given, file: str | None) -> str:
    if given.value is None:
        return f"# {named.key} is not set"
    where = printable(file) if given.source is Source.FILE and file else given.source.value
    text = f"{named.key} = {_toml(named, given.value)}"
    return f"{text:<40}  # {where}"


def _toml(named: Named, value: object) -> str:
    if named.option.secret:
        return json.dumps(MASK)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:f}".rstrip("0").rstrip(".")
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple):
        return f"[{', '.join(_quoted(one) for one in value)}]"
    return _quoted(os.fsdecode(value) if isinstance(value, bytes) else str(value))


def _quoted(text: str) -> str:
    return json.dumps(printable(text), ensure_ascii=False)
