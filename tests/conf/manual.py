"""Writes conf/peerstor.1: the manual page."""

import re
from collections.abc import Iterator

from peerstor.config.names import NAMED
from peerstor.settings import Option
from peerstor.tap import CONFIG
from tests.conf.commands import Told, told

_OPTION = re.compile(r"(?<![\w-])--[a-z]+(?:-[a-z]+)*")

_DESCRIPTION = """\
PeerStor turns a folder of plain files into a shared place. People list and download with a browser, scripts with
curl(1), and both send files in, with uploads that resume after a lost connection, a crash or a reboot.

peerstor runs in the foreground until it gets SIGTERM or SIGINT. As a daemon, and as another user, it is run by
twistd(1) with the same options: twistd --umask=022 peerstor. It tells where it is reached when it is.

Without any token everybody who reaches the server may read and add files (--anonymous)."""

_SOURCES = """\
Every option can stand in a file of TOML that --config or PEERSTOR_CONFIG names, under its name without the dashes: max-upload
= "1GiB". Numbers stand bare, other texts and sizes with a unit in quotes, and what may be given several times in
brackets. What an option's --no-... turns off is true or false: gzip = false. Paths are relative to the folder of the
file. Unknown keys are errors.

The command line counts more than the environment, that more than the file, and that more than the default. Of what may
be given several times, all values come from one of them. peerstor check-config tells what would run, and why."""

_ENVIRONMENT = """\
Flags are true or false here, what may be given several times has commas, and an empty variable is as none. Other
variables that begin with PEERSTOR_ are errors."""

_SIGNALS = (
    (
        "SIGTERM, SIGINT",
        "Stop accepting, let transfers end for --drain seconds, keep what can be resumed, and end.",
    ),
    (
        "SIGHUP",
        "Read the file of settings and the certificate again. No transfer is dropped. A file that is wrong changes"
        " nothing; what changed in it and takes a restart is named in the log. Both logs are opened anew for each"
        " write, so whoever rotates them just renames them.",
    ),
)

_FILES = (
    (".peerstor", "in the storage: unfinished uploads, the trash and, without --state, databases, keys and logs."),
    (
        "conf/peerstor.toml, conf/peerstor.service, conf/peerstor.bash",
        "where PeerStor was installed from, or below share/ of where it was installed to: every setting explained,"
        " a unit of systemd, and completion for bash. zsh completes by twistd's own means.",
    ),
)


def manual() -> str:
    """Write the page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield '.TH PEERSTOR 1 "" "PeerStor" "User Commands"'
    yield from _section("NAME", "peerstor - share a folder of plain files over HTTP")
    yield ".SH SYNOPSIS"
    yield from _paragraph("peerstor [options]")
    for command in told():
        yield from _paragraph(command.synopsis)
    yield from _section("DESCRIPTION", _DESCRIPTION)
    yield ".SH OPTIONS"
    yield from _options()
    yield ".SH COMMANDS"
    for command in told():
        yield from _command(command)
    yield from _section("CONFIGURATION", _SOURCES)
    live = ", ".join(named.key for named in NAMED if named.option.live)
    yield from _paragraph(f"A running server takes over, when it gets SIGHUP: {live}.")
    yield from _section("ENVIRONMENT", _ENVIRONMENT)
    yield from _item("PEERSTOR_CONFIG", f"--{CONFIG.name}")
    for named in NAMED:
        turned = ", turned around" if named.option.name.startswith("no-") else ""
        yield from _item(named.variable, f"--{named.option.name}{turned}")
    yield ".SH SIGNALS"
    for name, text in _SIGNALS:
        yield from _item(name, text)
    yield ".SH FILES"
    for name, text in _FILES:
        yield from _item(name, text)
    yield ".SH EXIT STATUS"
    yield from _paragraph(
        "0 when all went well, 1 with one line on standard error when it could not begin or be done. A server that"
        " was told to end by a signal ends by that signal."
    )
    yield from _section("SEE ALSO", "twistd(1), curl(1), systemd.service(5)")


def _options() -> Iterator[str]:
    group = None
    for named in NAMED:
        if named.option.group != group:
            group = named.option.group
            yield f".SS {_escaped(group)}"
        yield from _option(named.option)
    yield ".SS Other"
    yield from _option(CONFIG)
    yield from _item("--help", "Print the options and exit.")
    yield from _item("--version", "Print the version and exit.")


def _option(option: Option) -> Iterator[str]:
    default = f" Default: {option.default}." if option.default else ""
    yield from _item(f"--{option.name}" + (f" {option.value}" if option.value else ""), option.help + default)


def _command(command: Told) -> Iterator[str]:
    yield f".SS {_escaped(f'peerstor {command.words}')}"
    yield from _paragraph(command.help + (" It takes the options of the server." if command.as_server else ""))
    for name, text in command.options.items():
        yield from _item(f"--{name}" + ("VALUE" if name.endswith("=") else ""), text)


def _section(title: str, text: str) -> Iterator[str]:
    yield f".SH {title}"
    for paragraph in text.split("\n\n"):
        yield from _paragraph(" ".join(paragraph.split("\n")))


def _paragraph(text: str) -> Iterator[str]:
    yield ".PP"
    yield _marked(text)


def _item(head: str, text: str) -> Iterator[str]:
    yield ".TP"
    yield f"\\fB{_escaped(head)}\\fR"
    yield _marked(text)


def _marked(text: str) -> str:
    """Write a text with its options bold."""
    return _OPTION.sub(lambda found: f"\\fB{found[0]}\\fR", _escaped(text, dash="-")).replace("-", "\\-")


def _escaped(text: str, dash: str = "\\-") -> str:
    plain = text.replace("\\", "\\e").replace("-", dash)
    return f"\\&{plain}" if plain.startswith((".", "'")) else plain
