"""Writes conf/peerstor.bash: completion for bash, which twisted has none for."""

from collections.abc import Iterator

from peerstor import __main__
from peerstor.config.names import NAMED
from peerstor.settings import Option
from peerstor.tap import CONFIG
from tests.conf.commands import Told, told

_HEAD = """\
# Completion of the command peerstor for bash. Source it, or install it as
# share/bash-completion/completions/peerstor below /usr/local or ~/.local.
#
# For zsh there is conf/_peerstor, and `twistd peerstor` is completed by what zsh brings along for twisted.

_peerstor() {
    local word=${COMP_WORDS[COMP_CWORD]} before='' options='' words=''
    # bash takes --port=1 apart.
    [ "$word" != = ] || word=''
    if [ "$COMP_CWORD" -gt 0 ]; then before=${COMP_WORDS[COMP_CWORD - 1]}; fi
    if [ "$before" = = ] && [ "$COMP_CWORD" -gt 1 ]; then before=${COMP_WORDS[COMP_CWORD - 2]}; fi
    COMPREPLY=()"""

_BEHIND = """\
    if [[ $word == -* ]]; then words=$options; fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -o filenames -F _peerstor peerstor"""


def completion() -> str:
    """Write the file."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    commands = tuple(told())
    yield _HEAD
    yield "    case $before in"
    yield from _values()
    yield "    esac"
    yield '    case "${COMP_WORDS[1]-} ${COMP_WORDS[2]-}" in'
    for command in reversed(commands):  # the longer ones come behind in `told`, and are to be tried first
        yield from _behind(command)
    yield "    *)"
    yield f'        options="{_server()}"'
    yield f'        [ "$COMP_CWORD" != 1 ] || words="{" ".join(command.name for command in __main__.COMMANDS)}" ;;'
    yield "    esac"
    yield _BEHIND


def _values() -> Iterator[str]:
    # Those of the commands that take a value which isn't known beforehand come along.
    given = (*(named.option for named in NAMED), CONFIG)
    folders, files, others = [], [], ["--path", "--rights", "--expires"]
    for option in given:
        words = [word for word in (option.value or "").split("|") if word == word.lower()]
        if option.kind == "path":
            (folders if option.value == "DIR" else files).append(f"--{option.name}")
        elif option.value and words:
            yield f"    --{option.name})"
            yield f'        mapfile -t COMPREPLY < <(compgen -W {_quoted(words)} -- "$word")'
            yield "        return ;;"
        elif option.value:
            others.append(f"--{option.name}")
    yield f"    {' | '.join(folders)})"
    yield '        mapfile -t COMPREPLY < <(compgen -d -- "$word")'
    yield "        return ;;"
    yield f"    {' | '.join(files)})"
    yield '        mapfile -t COMPREPLY < <(compgen -f -- "$word")'
    yield "        return ;;"
    yield f"    {' | '.join(others)}) return ;;"


def _behind(command: Told) -> Iterator[str]:
    pattern = f"{command.words!r}" if " " in command.words else f"'{command.words} '*"
    yield f"    {pattern})"
    own = (
        _server()
        if command.as_server
        else " ".join(f"--{name.rstrip('=')}" for name in (*command.options, "help"))
    )
    yield f'        options="{own}"'
    if command.commands:
        yield f'        [ "$COMP_CWORD" != 2 ] || words="{" ".join(command.commands)}"'
    yield "        ;;"


def _server() -> str:
    return " ".join([*(_dashed(named.option) for named in NAMED), _dashed(CONFIG), "--help", "--version"])


def _dashed(option: Option) -> str:
    return f"--{option.name}"


def _quoted(words: list[str]) -> str:
    return "'" + " ".join(words) + "'"
