"""Writes conf/peerstor.toml: every setting, explained and commented out."""

import json
import re
import textwrap
from collections.abc import Iterator

from attrs import fields

from peerstor.config.names import NAMED, Named
from peerstor.settings import Settings

WIDTH = 100

_HEAD = """\
PeerStor's settings. Each is commented out, with its default, or with an example where it has none that can be written
here: take the # away to set it.

The file is named by `--config FILE` or by PEERSTOR_CONFIG. The command line counts more than the environment
(PEERSTOR_MAX_UPLOAD=1GiB), and that more than this file. Paths are relative to the folder of this file. What an
option's `--no-…` turns off is true or false here. `peerstor check-config --config FILE` tells what would run.

What is marked [SIGHUP] is taken over by a running server when this file is read again: `systemctl reload peerstor`, or
`kill -HUP`. The rest takes a restart. A file that is wrong then changes nothing, and one line in the log says why.

Who may read this file can read the secret that is in it, if there is one: chmod o= this file."""


def sample() -> str:
    """Write the file."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    for number, paragraph in enumerate(_HEAD.split("\n\n")):
        yield from ["#"] * (number > 0)
        yield from _comment(paragraph.replace("\n", " "))
    group = None
    for named in NAMED:
        if named.option.group != group:
            group = named.option.group
            yield ""
            yield f"# ---- {group} ".ljust(WIDTH, "-")
        yield ""
        yield from _comment(_text(named))
        yield from _comment(_example(named))
        yield f"#{named.key} = {value_of(named)}"


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, WIDTH - 2, break_on_hyphens=False)]


def _text(named: Named) -> str:
    option, text = named.option, named.option.help
    if option.kind == "flag":
        turned = "false" if option.name.startswith("no-") else "true"
        text = f"{turned}: {text}"
    text = re.sub(r"May be given several times", "There may be several", text)
    return text + (" [SIGHUP]" if option.live else "")


def _example(named: Named) -> str:
    """Say what the line below is, where it isn't the default."""
    if named.option.repeatable:
        return f"For example: {named.key} = [{_quoted(named.option.example or '')}]"
    if is_default(named):
        return ""
    if default_of(named) is None:
        return "Not set by default. An example:"
    return f"By default {named.option.default} in the folder that the server was started in. An example:"


def default_of(named: Named) -> object:
    """Give a setting's default as it stands in the code."""
    return getattr(fields(Settings), named.setting).default


def is_default(named: Named) -> bool:
    """Tell whether the line of a setting has its default, or an example."""
    return named.option.repeatable or (named.option.example is None and default_of(named) is not None)


def value_of(named: Named) -> str:
    """Write a setting's default, or else its example, as TOML has it."""
    option, default = named.option, default_of(named)
    if option.repeatable:
        return "[]"
    if option.kind == "flag":
        return "false" if default is False else "true"
    text = option.example if option.example is not None else option.default
    if text is None:
        text = str(default) if default is not None else ""
    return text if option.kind in ("whole number", "number") else _quoted(text)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
