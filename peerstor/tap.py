"""The command line, and the service that twistd runs: strings in, Settings out, everything checked at once."""

import os
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from attrs import Attribute, fields
from twisted.application.service import IService, MultiService
from twisted.python.usage import CompleteDirs, CompleteFiles, CompleteList, Completer, Completions, UsageError
from twisted.python.usage import Options as UsageOptions

from peerstor import __version__
from peerstor.config.sources import Configuration, Sources
from peerstor.daemon import jsonlog, textlog
from peerstor.daemon.addresses import access_lines, beyond_loopback
from peerstor.daemon.announcement import Announcement, Code, open_warning
from peerstor.daemon.exposure import Own, owns, refuse_exposed
from peerstor.daemon.leanstart import Settling, lean_imports
from peerstor.daemon.logfile import NOWHERE, LogFile
from peerstor.daemon.notify import Notifier
from peerstor.daemon.readiness import acting_as, prepare, raise_descriptor_limit
from peerstor.errors import StartupError, StorageUnavailable
from peerstor.settings import Option, Settings

if TYPE_CHECKING:  # see makeService
    from peerstor.daemon.openings import Openings
    from peerstor.node import Node

# Columns of the help: those of a terminal nobody has widened, and those left of the sentences.
_WIDTH, _INDENT = 80, 26


def _option_of(setting: "Attribute[Any]") -> Option:
    option: Option = setting.metadata[Option]
    return option


_OPTIONS: dict[Option, str] = {_option_of(setting): setting.name for setting in fields(Settings)}

CONFIG = Option(
    name="config",
    value="FILE",
    group="",
    kind="path",
    help="Take settings from this file (TOML), as far as neither this line nor the environment has them; read"
    " again on SIGHUP. conf/peerstor.toml has every one explained.",
)
"""Names the file that settings are in, so it is none itself."""


def completer_of(option: Option) -> Completer:
    """Tell a shell what a value may be."""
    words = [word for word in (option.value or "").split("|") if word == word.lower()]
    if option.kind == "path":
        return CompleteDirs() if option.value == "DIR" else CompleteFiles()
    return CompleteList(words) if words else Completer(descr=option.value)


class Options(UsageOptions):
    """PeerStor's options, as a sub-command of twistd or on their own.

    All that they are comes from the fields of `Settings`. After parsing, `settings` holds them checked, and
    `configuration` also tells where each comes from. Whatever is wrong ends in SystemExit with one line.

    :cvar environ: the variables that settings are taken from.
    """

    optFlags = [[option.name, None, option.help] for option in _OPTIONS if option.value is None]  # noqa: RUF012
    optParameters = [
        [option.name, None, None, option.help]
        for option in _OPTIONS
        if option.value is not None and not option.repeatable
    ] + [[CONFIG.name, None, None, CONFIG.help]]

    synopsis = "Usage: twistd [-n] [options of twistd] peerstor [options]"
    compData = Completions(
        descriptions={option.name: option.help for option in _OPTIONS if option.repeatable},
        multiUse=[option.name for option in _OPTIONS if option.repeatable],
        optActions={option.name: completer_of(option) for option in (*_OPTIONS, CONFIG) if option.value},
    )
    environ: Mapping[str, str] = os.environ
    settings: Settings
    sources: Sources
    configuration: Configuration
    log_file: LogFile | None = None

    def opt_listen(self, endpoint: str) -> None:
        """Add a place to listen on."""
        self.setdefault("listen", []).append(endpoint)

    def opt_allow_host(self, name: str) -> None:
        """Add a host name that browsers may use for this server."""
        self.setdefault("allow-host", []).append(name)

    def opt_trusted_proxy(self, network: str) -> None:
        """Add a proxy whose word on its clients is believed."""
        self.setdefault("trusted-proxy", []).append(network)

    def opt_version(self) -> None:
        """Print the version and exit."""
        print(f"PeerStor {__version__}")
        sys.exit(0)

    def parseArgs(self, *arguments: str) -> None:
        """Take no arguments."""
        if arguments:
            raise UsageError(f"{arguments[0]!r} is no option; the folder to serve is named by --storage DIR.")

    def postOptions(self) -> None:
        """Check the values, and what was asked of twistd around them."""
        self.sources = Sources(command_line=given_in(self), environ=self.environ, file=self["config"])
        self.configuration = self.sources.read()
        self.settings = self.configuration.settings
        if self.parent is not None:
            self._settle_with_twistd(self.parent)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse the command line.

        :raises SystemExit: with the one line that says what is wrong. twistd's own way with a UsageError is to
            print its whole help first.
        """
        try:
            super().parseOptions(options)
        except UsageError as error:
            text = str(error).rstrip(".")
            raise SystemExit(f"peerstor: {text[:1].upper()}{text[1:]}. See --help.") from None
        except StartupError as error:
            raise SystemExit(f"peerstor: {error}") from None

    def getSynopsis(self) -> str:
        """Say how it is called."""
        return self.synopsis

    def __str__(self) -> str:
        """Write the help: the options in their groups, each with its unit and default."""
        lines = [self.getSynopsis(), "", *textwrap.wrap(_PURPOSE, _WIDTH)]
        group = None
        for option in _OPTIONS:
            if option.group != group:
                group = option.group
                lines += ["", f"{group}:"]
            lines += _help_lines(option)
        lines += ["", "Other:", *_help_lines(CONFIG)]
        lines += _help_lines(Option(name="help", value=None, group="", help="Print this and exit."))
        lines += _help_lines(Option(name="version", value=None, group="", help="Print the version and exit."))
        lines += ["", *textwrap.wrap(_ENVIRONMENT, _WIDTH)]
        return "\n".join([*lines, "", *self.beside()])

    def beside(self) -> list[str]:
        """Give the lines of the help on what is done beside the server."""
        return ["Tokens, backups and what else is done beside the server: `peerstor --help`."]

    def _settle_with_twistd(self, twistd: UsageOptions) -> None:
        if twistd.get("chroot"):
            raise StartupError("twistd's --chroot can't be used: the storage is opened before it. Use --uid.")
        # Two servers started in one folder would collide on ./twistd.pid, which nobody asked for. The default
        # is told from the same word given on the command line by being the very same object.
        if _in_foreground(twistd) and twistd.get("pidfile") is twistd.defaults.get("pidfile"):
            twistd["pidfile"] = ""
        as_json = _as_json(self.settings, twistd)
        if (as_json or not twistd.get("logger")) and _logs_to_file(twistd):
            self.log_file = LogFile(os.path.abspath(twistd.get("logfile") or "twistd.log"), as_json=as_json)
            twistd["logger"] = NOWHERE
        elif as_json:
            twistd["logger"] = jsonlog.OBSERVER
        elif _in_foreground(twistd) and not (twistd.get("logger") or twistd.get("syslog")):
            twistd["logger"] = textlog.OBSERVER


_PURPOSE = (
    "Serves a folder of plain files over HTTP and receives files into it: listings, downloads with ranges,"
    " uploads that resume."
)

_ENVIRONMENT = (
    "Every option can be given in the environment too, as PEERSTOR_MAX_UPLOAD=1GiB; PEERSTOR_GZIP=false is"
    " --no-gzip, and repeatable ones have commas."
)


def given_in(options: Mapping[str, Any]) -> dict[str, Any]:
    """Give the values that a command line has, by their names in `Settings`.

    :param options: values by the long name of the option; None and 0 where it wasn't given.
    """
    given: dict[str, Any] = {}
    for option, setting in _OPTIONS.items():
        value = options.get(option.name)
        if option.value is None and value:
            given[setting] = not getattr(fields(Settings), setting).default
        elif option.value is not None and value is not None:
            given[setting] = value
    return given


def makeService(options: Options) -> IService:
    """Check and claim everything that the daemon needs, and build its services.

    All of this happens before twistd forks, where a mistake is one line and an exit status. What may only
    happen later waits for the services to start.

    :raises SystemExit: with one line when PeerStor can't start.
    """
    twistd: Mapping[str, Any] = options.parent if options.parent is not None else {"nodaemon": True}
    with lean_imports():
        # Not at the top: only now it is known what a start needs. And importing Klein, which node does, installs
        # the default reactor, while twistd's --reactor is only obeyed until then.
        from twisted.internet import reactor

        from peerstor.daemon.openings import Openings
        from peerstor.node import build
    openings = Openings()
    try:
        return _assemble(options, twistd, openings=openings, build=build, reactor=reactor)
    except StartupError as error:
        line = str(error)
    except (StorageUnavailable, OSError) as error:
        # The storage can go between two looks at it.
        reason = error.reason if isinstance(error, StorageUnavailable) else error.strerror or str(error)
        line = f"The storage folder can't be used: {reason.rstrip('.')}."
    openings.abandon()
    raise SystemExit(f"peerstor: {line}")


def _assemble(
    options: Options,
    twistd: Mapping[str, Any],
    *,
    openings: "Openings",
    build: "Callable[..., Node]",
    reactor: Any,
) -> IService:
    settings = options.settings
    raise_descriptor_limit()
    if options.log_file is not None:
        options.log_file.gather()
    notifier = Notifier.from_environment(os.environ, reactor)
    # Before anything is made there, and as somebody who may look at all of it.
    refuse_exposed(settings.storage, [*owns(settings, options.sources.file), *_owned_by_twistd(options, twistd)])
    with acting_as(twistd.get("uid"), twistd.get("gid")):
        prepare(settings)
    openings.open(settings, uid=twistd.get("uid"), gid=twistd.get("gid"))
    sockets, secure = openings.sockets, openings.secure
    with acting_as(twistd.get("uid"), twistd.get("gid")):
        built = build(
            settings,
            sockets,
            reactor,
            secure=secure,
            sources=options.sources,
            notifier=notifier,
            log_file=options.log_file,
        )
    if options.log_file is not None:
        options.log_file.open()
    services = MultiService()
    IService(built).setServiceParent(services)
    openings.files.setServiceParent(services)
    base = settings.base_path
    reached = [
        *access_lines(sockets, scheme="https" if settings.https else "http", base=base),
        *access_lines(secure, scheme="https", base=base),
    ]
    lines = [*reached, *built.certificate_lines]
    beyond = beyond_loopback([*sockets, *secure])
    warning = open_warning(settings.anonymous or "create", beyond_loopback=beyond, tokens=built.has_tokens)
    warnings = [*options.configuration.warnings, *([] if warning is None else [warning])]
    addresses = [line.removeprefix("Access at: ") for line in reached]
    notifier.where = addresses[0]
    code = Code(addresses=[one for one in addresses if not one.startswith("unix:")], wanted=settings.qr)
    Settling(reactor).setServiceParent(services)
    _announcement(lines, warnings, twistd, code).setServiceParent(services)
    return services


def _owned_by_twistd(options: Options, twistd: Mapping[str, Any]) -> Iterator[Own]:
    """List the files that twistd's options name, and those that it has without being told."""
    if options.log_file is not None:
        yield Own("log", os.fsencode(options.log_file.path), "twistd's --logfile FILE")
    if twistd.get("pidfile"):
        yield Own("file of the process's id", os.fsencode(twistd["pidfile"]), "twistd's --pidfile FILE")


def _announcement(
    lines: Sequence[str], warnings: Sequence[str], twistd: Mapping[str, Any], code: Code | None = None
) -> Announcement:
    foreground = _in_foreground(twistd)
    return Announcement(
        lines=lines,
        warnings=warnings,
        # Not sys.stdout: twistd puts its log there, with a time and a prefix to every line.
        output=_standard_output() if foreground and not _json_on_output(twistd) else None,
        in_log=not foreground or _logs_elsewhere(twistd),
        code=code,
    )


def _in_foreground(twistd: Mapping[str, Any]) -> bool:
    return bool(twistd.get("nodaemon") or twistd.get("debug"))


def _logs_elsewhere(twistd: Mapping[str, Any]) -> bool:
    """Tell whether the log of a foreground process goes anywhere but to its standard output."""
    # twistd makes of its name what it names, once all options are settled.
    other = twistd.get("logger") not in (None, "", textlog.OBSERVER, textlog.observer)
    return bool(twistd.get("syslog") or other or twistd.get("logfile") not in (None, "", "-"))


def _as_json(settings: Settings, twistd: Mapping[str, Any]) -> bool:
    """Tell whether the log is to be JSON, by our option or by twistd's.

    :raises StartupError: what was asked of twistd doesn't go with it.
    """
    logger = twistd.get("logger")
    if settings.log_format != "json" and logger != jsonlog.OBSERVER:
        return False
    if logger not in (None, "", jsonlog.OBSERVER):
        raise StartupError("--log-format json and twistd's --logger are two loggers: give one of them.")
    if twistd.get("syslog"):
        raise StartupError("twistd's --syslog has a form of its own: leave --log-format json away.")
    if twistd.get("logfile") == "-" and not _in_foreground(twistd):
        raise StartupError("A daemon has no standard output to log to: name a file with twistd's --logfile.")
    return True


def _json_on_output(twistd: Mapping[str, Any]) -> bool:
    """Tell whether standard output has lines of JSON, which nothing else may come between."""
    return twistd.get("logger") is jsonlog.observer


def _logs_to_file(twistd: Mapping[str, Any]) -> bool:
    """Tell whether twistd would open a file for the log; a daemon has `twistd.log` where none is named."""
    if twistd.get("syslog") or twistd.get("logfile") == "-":
        return False
    return bool(twistd.get("logfile")) or not _in_foreground(twistd)


def _standard_output() -> TextIO | None:
    return sys.__stdout__


def _help_lines(option: Option) -> Iterator[str]:
    head = f"  --{option.name}" + (f" {option.value}" if option.value else "")
    text = option.help + (f" [default: {option.default}]" if option.default else "")
    body = textwrap.wrap(text, _WIDTH - _INDENT, break_on_hyphens=False)
    if len(head) + 2 > _INDENT:
        yield head
    else:
        yield head.ljust(_INDENT) + body.pop(0)
    for line in body:
        yield " " * _INDENT + line
