"""`peerstor doctor`: everything that can be wrong with a machine, a storage and a set of options, in words."""

import errno
import json
import os
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack

from attrs import frozen

import twisted
from peerstor import __version__
from peerstor.checks import (
    abilities,
    certificates,
    clocks,
    credentials,
    folders,
    instance,
    limits,
    mounts,
    ports,
    reach,
    versions,
)
from peerstor.checks.findings import Finding, Level, ok, shown, warning, wrong
from peerstor.commands.backup import ended_by_signals
from peerstor.commands.place import acting_as_owner
from peerstor.commands.statefiles import state_files
from peerstor.config.sources import Configuration
from peerstor.daemon.exposure import owns
from peerstor.daemon.portholder import ports_of
from peerstor.daemon.scratch import scratch_folder
from peerstor.errors import Fault
from peerstor.settings import Settings
from peerstor.tree.private import NAME

Check = Callable[[], Finding | Iterable[Finding]]

_LEVEL, _SUBJECT = 9, 18


@frozen
class Patient:
    """What is looked at.

    :param server: the process that serves the storage; None for none.
    :param ports: those that it listens on.
    :param state: path of the folder for databases and secrets, there or not.
    :param files: of the state, by what they are called in a backup; none while the storage has no id.
    :param beyond: whether other machines reach the server.
    """

    settings: Settings
    server: int | None
    ports: Sequence[int]
    state: bytes
    files: dict[str, bytes]
    beyond: bool

    @classmethod
    def of(cls, settings: Settings, beyond: bool) -> "Patient":
        """Look who it is; nothing is made."""
        server = instance.server_of(settings.storage)
        state = settings.state or os.path.join(settings.storage, NAME)
        instance_id = instance.instance_of(settings.storage)
        return cls(
            settings,
            server,
            [] if server is None else ports_of(server),
            state,
            {} if instance_id is None else state_files(state, instance_id),
            beyond,
        )


def run(configuration: Configuration, *, as_json: bool) -> int:
    """Look at everything, and print what was found.

    :param configuration: of the server.
    :return: the exit status: 1 if something is wrong, else 0.
    """
    with ended_by_signals():
        found = [warning("settings", line, "See `peerstor check-config`.") for line in configuration.warnings]
        found += examine(configuration.settings, configuration.file)
    print(_json(found) if as_json else "\n".join(_lines(found)))
    return int(_worst(found) is Level.WRONG)


def examine(settings: Settings, config: str | None = None) -> list[Finding]:
    """Look at everything that a server with these settings would stand on.

    :param config: path of the file that they come from; None for none.
    """
    found = _tried("program", lambda: [versions.check_python(), versions.check_twisted(twisted.__version__)])
    found += _tried("secrecy", lambda: folders.check_exposure(settings.storage, owns(settings, config)))
    beyond = reach.beyond_loopback(settings)
    try:
        with acting_as_owner(settings.storage):  # a file is looked at as the server would
            patient = Patient.of(settings, beyond)
            found += _on_disk(patient)
        # A port is taken, and its holder seen, by whoever starts the server.
        patient = Patient.of(settings, beyond)
        found += _in_network(patient)
    except Fault as fault:
        found.append(wrong("storage", str(fault), "Name the storage with --storage DIR."))
    found += _tried("clock", lambda: clocks.check_clock(time.time()))
    found += _tried("descriptors", limits.check_descriptors)
    found += _tried("watches", limits.check_watches)
    return found


def _on_disk(patient: Patient) -> list[Finding]:
    settings, table = patient.settings, mounts.mounts()
    checks: list[tuple[str, Check]] = [
        ("storage", lambda: folders.check_folder(settings.storage, "storage folder")),
        ("private", lambda: folders.check_private(settings.storage)),
        ("free space", lambda: folders.check_room(settings.storage, "storage folder")),
        ("mounts", lambda: mounts.check_nested(settings.storage, table)),
    ]
    if settings.state is not None:
        state = settings.state
        checks += [
            ("state", lambda: folders.check_folder(state, "state folder")),
            ("free space", lambda: folders.check_room(state, "state folder")),
        ]
    checks.append(("file system", lambda: mounts.check_kind(patient.state, "state", table)))
    checks += [("log", lambda: check_logs(settings)), ("server", lambda: _instance(patient))]
    found = [finding for subject, check in checks for finding in _tried(subject, check)]
    return found + _abilities(patient) + _state(patient)


def _instance(patient: Patient) -> Finding:
    return instance.check_instance(patient.settings.storage, patient.server)


def check_logs(settings: Settings) -> list[Finding]:
    """Look at the logs that are asked for by name."""
    found = []
    if settings.access_log is not None:
        found.append(folders.check_log(settings.access_log, "access log"))
    if isinstance(settings.audit_log, bytes):
        found.append(folders.check_log(settings.audit_log, "audit log"))
    return found


def _abilities(patient: Patient) -> list[Finding]:
    """Try what the storage's file system can do."""
    return _in_probe(
        patient.settings.storage,
        [
            ("rename", abilities.check_renaming),
            ("sync", abilities.check_syncing),
            ("case", abilities.check_case),
            ("links", abilities.check_links),
            ("file names", abilities.check_names),
            ("file times", abilities.check_times),
            ("disk clock", clocks.check_disk_clock),
            ("claim", instance.check_locking),
        ],
    )


def _state(patient: Patient) -> list[Finding]:
    """Try what the file system of the state can do, and look at the state itself."""
    settings = patient.settings
    secrets = settings.token is not None or (settings.tls and settings.cert is None)
    folder = patient.state if os.path.isdir(patient.state) else settings.storage
    if settings.state is not None and folder is not patient.state:
        return [ok("state", "What its file system can do shows once the state folder is there.")]
    return _in_probe(
        folder,
        [
            ("permissions", lambda probe: abilities.check_modes(probe, needed=secrets)),
            ("locks", abilities.check_locks),
            ("database", lambda probe: _databases(patient, probe)),
        ],
    )


def _databases(patient: Patient, probe: bytes) -> Iterator[Finding]:
    if not patient.files:
        yield ok("database", "There are no databases yet.")
    for name in ("uploads.sqlite", "access.sqlite") if patient.files else ():
        exclusive = name == "uploads.sqlite"
        yield credentials.check_database(patient.files[name], probe, exclusive=exclusive)
    key, path = patient.files.get("access.key", b""), patient.files.get("access.sqlite", b"-")
    yield from credentials.check_access(
        patient.settings,
        os.path.join(probe, os.path.basename(path)),
        key,
        now=time.time(),
        beyond=patient.beyond,
    )
    yield from certificates.check_certificate(
        patient.settings,
        patient.files.get("tls.pem"),
        now=time.time(),
        accepts=lambda name: reach.accepts(patient.settings, name),
    )


def _in_network(patient: Patient) -> list[Finding]:
    settings, runs = patient.settings, patient.server is not None
    return [
        *_tried("port", lambda: ports.check_ports(settings, patient.ports)),
        *_tried("address", lambda: reach.check_phone(settings, patient.ports, runs=runs)),
        *_tried("host names", lambda: reach.check_names(settings)),
    ]


def _in_probe(
    parent: bytes, checks: Sequence[tuple[str, Callable[[bytes], Finding | Iterable[Finding]]]]
) -> list[Finding]:
    """Try things in a folder that is gone afterwards; where none can be made, that has been found already."""
    with ExitStack() as stack:
        try:
            probe = stack.enter_context(scratch_folder(parent))
        except FileNotFoundError:
            return [ok("abilities", f"What its file system can do shows once {shown(parent)} is there.")]
        except OSError as error:
            return [_untried("abilities", error, parent)]
        return [
            finding
            for subject, check in checks
            for finding in _tried(subject, lambda check=check: check(probe), parent)  # type: ignore[misc]
        ]


def _tried(subject: str, check: Check, where: bytes = b"") -> list[Finding]:
    """Do a check; that it can't be done is a finding too."""
    try:
        found = check()
        return [found] if isinstance(found, Finding) else list(found)
    except OSError as error:
        return [_untried(subject, error, where)]


def _untried(subject: str, error: OSError, where: bytes) -> Finding:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return warning(subject, f"It can't be tried: the disk of {shown(where)} is full.", "Make room.")
    return wrong(subject, f"It can't be tried: {error.strerror or error}.", "Mend what is said above first.")


def _worst(found: Sequence[Finding]) -> Level:
    levels = {finding.level for finding in found}
    return next(level for level in (Level.WRONG, Level.WARNING, Level.OK) if level in levels)


def _json(found: Sequence[Finding]) -> str:
    return json.dumps(
        {
            "peerstor": __version__,
            "status": _worst(found).value,
            "findings": [
                {"check": one.subject, "level": one.level.value, "text": one.text, "advice": one.advice}
                for one in found
            ],
        },
        indent=2,
    )


def _lines(found: Sequence[Finding]) -> Iterator[str]:
    width = max(60, min(shutil.get_terminal_size().columns, 110)) if sys.stdout.isatty() else 110
    indent = " " * (_LEVEL + _SUBJECT)
    for finding in found:
        head = f"{finding.level.value.ljust(_LEVEL)}{finding.subject.ljust(_SUBJECT)}"
        yield from _wrapped(finding.text, width, head, indent)
        if finding.advice is not None:
            yield from _wrapped(finding.advice, width, f"{indent}-> ", f"{indent}   ")
    counts = {level: sum(finding.level is level for finding in found) for level in Level}
    said = [f"{counts[level]} {level.value}" for level in Level if counts[level]]
    yield f"PeerStor {__version__}: {', '.join(said)}."


def _wrapped(text: str, width: int, head: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=head, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
