"""Settings: every option of PeerStor with its unit, its default and what it allows."""

from collections.abc import Callable
from typing import Any, Literal

from attrs import field, frozen

from peerstor import values
from peerstor.endpoints import TcpEndpoint
from peerstor.errors import StartupError
from peerstor.values import ANONYMOUS, KIB, MIB, Anonymous, LogFormat

Kind = Literal["flag", "text", "path", "whole number", "number", "size"]


@frozen(kw_only=True)
class Option:
    """How a setting is given on the command line, and anywhere else.

    :param name: the long option, without the dashes.
    :param value: the word for its value in the help (`BYTES`); None for a flag, which turns its setting around.
    :param group: the heading of the help that it stands under.
    :param help: what it does, in a sentence or two.
    :param default: the default as people write it; None where the sentence says it.
    :param repeatable: whether it may be given several times.
    :param kind: what its value is: a path is relative to a folder, and a number need not be written as text.
    :param live: whether it can change while the server runs.
    :param secret: whether its value is shown to nobody.
    :param example: a value as people write it, where the default can't be written down.
    """

    name: str
    value: str | None
    group: str
    help: str
    default: str | None = None
    repeatable: bool = False
    kind: Kind = "text"
    live: bool = False
    secret: bool = False
    example: str | None = None


def _setting(
    default: Any,
    name: str,
    value: str | None,
    group: str,
    help: str,
    *,
    shown: str | None = None,
    repeatable: bool = False,
    converter: Callable[[Any], Any] = bool,
    kind: Kind | None = None,
    live: bool = False,
    secret: bool = False,
    example: str | None = None,
) -> Any:
    option = Option(
        name=name,
        value=value,
        group=group,
        help=help,
        default=shown,
        repeatable=repeatable,
        kind=kind or ("flag" if value is None else "text"),
        live=live,
        secret=secret,
        example=example,
    )
    return field(default=default, converter=converter, metadata={Option: option}, repr=not secret)


LISTENING, FILES, DOWNLOADS, UPLOADS, ACCESS, LIFE = (
    "Listening",
    "Files",
    "Downloads",
    "Uploads",
    "Access",
    "Log and life of the process",
)


@frozen(kw_only=True)
class Settings:
    """What PeerStor was told, checked; values are given as they come from a command line, or in their type.

    :raises StartupError: on a value that is not allowed, with the one line that says what is.
    """

    # str: an IP address, or a name of this machine; `::` is both families.
    host: str = _setting(
        "0.0.0.0",
        "host",
        "ADDRESS",
        LISTENING,
        "Address to listen on. 0.0.0.0 is every IPv4 address of the machine, :: every IPv4 and IPv6 address,"
        " 127.0.0.1 this machine only.",
        shown="0.0.0.0",
        converter=values.host_address,
    )
    # TCP port; 0 lets the system choose.
    port: int = _setting(
        8080,
        "port",
        "PORT",
        LISTENING,
        "TCP port to listen on, 0 for any free one. When it is in use, the next free one of the 100 that"
        " follow is taken, and said.",
        shown="8080",
        converter=lambda value: values.whole_number(value, "port", 0, 65535),
        kind="whole number",
    )
    strict_port: bool = _setting(
        False, "strict-port", None, LISTENING, "Take --port and no other: a port in use is an error."
    )
    # Endpoint strings, each written in the one way; empty for --host and --port.
    listen: tuple[str, ...] = _setting(
        (),
        "listen",
        "ENDPOINT",
        LISTENING,
        "Listen there, in place of --host and --port: tcp:8080:interface=127.0.0.1,"
        " unix:/run/peerstor.sock:mode=660, or systemd:domain=INET:index=0 for a socket that systemd passes on"
        " (or :name=NAME, and domain=UNIX). A port in use is an error. May be given several times.",
        repeatable=True,
        converter=values.endpoints,
        example="unix:/run/peerstor.sock:mode=660",
    )
    https: bool = _setting(
        False,
        "https",
        None,
        LISTENING,
        "Speak HTTPS on --port, and on every TCP port of --listen. Who comes there in clear is sent to the same"
        " address with https. Through a UNIX socket HTTP is spoken all the same.",
    )
    # TCP port; 0 lets the system choose; None is no HTTPS beside plain HTTP.
    https_port: int | None = _setting(
        None,
        "https-port",
        "PORT",
        LISTENING,
        "Speak HTTPS on this port, and plain HTTP on --port; 0 for any free one. When it is in use, the next free"
        " one is taken, as with --port.",
        converter=values.optional(values.whole_number, "https-port", least=0, most=65535),
        kind="whole number",
        example="8443",
    )
    # Absolute path; None for a certificate of our own making.
    cert: bytes | None = _setting(
        None,
        "cert",
        "FILE",
        LISTENING,
        "The certificate for HTTPS (PEM), with those that lead to its root behind it, and the key too unless --key"
        " names it; read again on SIGHUP. By default one is made, and renewed with the same key.",
        converter=values.optional(values.folder, "cert"),
        kind="path",
        example="/etc/peerstor/fullchain.pem",
    )
    # Absolute path; None where it lies with the certificate.
    key: bytes | None = _setting(
        None,
        "key",
        "FILE",
        LISTENING,
        "The certificate's private key (PEM), without a password.",
        converter=values.optional(values.folder, "key"),
        kind="path",
        example="/etc/peerstor/privkey.pem",
    )
    # Connections open at once from one address; 0 is no limit.
    max_connections_per_address: int = _setting(
        0,
        "max-connections-per-address",
        "N",
        LISTENING,
        "Connections that one client address may have open at once; 0 sets no limit.",
        shown="0",
        converter=lambda value: values.whole_number(value, "max-connections-per-address", 0, 1_000_000),
        kind="whole number",
        live=True,
    )
    # Percent-encoded, begins with `/` and doesn't end so; empty for none.
    base_path: str = _setting(
        "",
        "base-path",
        "PATH",
        LISTENING,
        "The path below which everything stands, as /files: for a proxy that shows this server below that path of"
        " its own and passes the whole path on.",
        converter=values.base_path,
    )

    # Absolute path.
    storage: bytes = _setting(
        "./data",
        "storage",
        "DIR",
        FILES,
        "The folder that is served and receives the files; created when it isn't there.",
        shown="./data",
        converter=lambda value: values.folder(value, "storage"),
        kind="path",
        example="/srv/peerstor",
    )
    # Absolute path; None is the private folder in the storage.
    state: bytes | None = _setting(
        None,
        "state",
        "DIR",
        FILES,
        "Folder for PeerStor's own databases and secrets; by default the private folder .peerstor in the storage.",
        converter=values.optional(values.folder, "state"),
        kind="path",
        example="/var/lib/peerstor",
    )
    # Whether finished files are forced to the disk before an upload is acknowledged.
    fsync: bool = _setting(
        True,
        "no-fsync",
        None,
        FILES,
        "Don't force finished files to the disk before answering: faster, and a power cut may lose them.",
    )
    gzip: bool = _setting(True, "no-gzip", None, DOWNLOADS, "Don't compress answers.", live=True)
    # bytes, inclusive.
    gzip_threshold: int = _setting(
        MIB,
        "gzip-threshold",
        "BYTES",
        DOWNLOADS,
        "Compress answers up to this size, in bytes or as 64K, 1MiB; 0 compresses nothing.",
        shown="1MiB",
        converter=lambda value: values.size(value, "gzip-threshold"),
        kind="size",
        live=True,
    )
    # bytes; 0 keeps nothing; None is a share of the disk.
    cache_size: int | None = _setting(
        None,
        "cache-size",
        "BYTES",
        DOWNLOADS,
        "Keep compressed answers for the next time, in .peerstor/cache of the storage, up to this size in all, in"
        " bytes or as 64M, 1GiB; 0 keeps none. By default 1 GiB, on a small disk 5 % of it.",
        converter=values.optional(values.size, "cache-size"),
        kind="size",
        live=True,
        example="4GiB",
    )

    # bytes; None is no limit.
    max_upload: int | None = _setting(
        None,
        "max-upload",
        "BYTES",
        UPLOADS,
        "Largest file that is taken, in bytes or as 64M, 1GiB; by default only the disk is a limit.",
        converter=values.optional(values.size, "max-upload", least=1),
        kind="size",
        live=True,
        example="10GiB",
    )
    # bytes; None is as large as a client likes.
    max_request: int | None = _setting(
        None,
        "max-request",
        "BYTES",
        UPLOADS,
        "Tell clients of resumable uploads to send no more than this in one request, for a proxy that lets no more"
        " through; this server itself refuses nothing for it.",
        converter=values.optional(values.size, "max-request", least=64 * KIB),
        kind="size",
        live=True,
        example="100MB",
    )
    # days, with fractions.
    upload_expiry: float = _setting(
        7.0,
        "upload-expiry",
        "DAYS",
        UPLOADS,
        "Days after which an upload that doesn't go on is dropped, fractions allowed.",
        shown="7",
        converter=lambda value: values.number(value, "upload-expiry", 0.0001, 36500, " of days"),
        kind="number",
        live=True,
    )

    # The secret of the owner, who may do everything; None is no such token.
    token: str | None = _setting(
        None,
        "token",
        "SECRET",
        ACCESS,
        "A secret of at least 8 characters; whoever has it is the owner and may do everything. Other users of"
        " this machine can see it in the list of processes: prefer `peerstor token add`, see its --help.",
        converter=values.token_secret,
        secret=True,
        example="a long text that nobody guesses",
    )
    # None is `create` without any token, and `none` with one.
    anonymous: Anonymous | None = _setting(  # noqa: RUF009
        None,
        "anonymous",
        "|".join(ANONYMOUS),
        ACCESS,
        "What somebody without a token may do: nothing, read, also add new files, or everything; by default"
        " create while there is no token, and none with one.",
        converter=values.anonymous_level,
        live=True,
        example="read",
    )
    # Lower case; a leading dot takes every name below.
    allow_host: tuple[str, ...] = _setting(
        (),
        "allow-host",
        "NAME",
        ACCESS,
        "A host name that browsers may use for this server, beside its addresses and local names; .example.org"
        " takes all names below it. May be given several times.",
        repeatable=True,
        converter=values.host_names,
        live=True,
        example="files.example.org",
    )
    # Networks as `10.0.0.0/8`, or `unix`.
    trusted_proxy: tuple[str, ...] = _setting(
        (),
        "trusted-proxy",
        "CIDR|unix",
        ACCESS,
        "A reverse proxy, by its address or network (unix: whoever comes through a UNIX socket). From there, and"
        " from nowhere else, Forwarded and X-Forwarded-For, -Proto and -Host are believed. May be given several"
        " times: every proxy on the way.",
        repeatable=True,
        converter=values.networks,
        live=True,
        example="127.0.0.1",
    )
    # `*`, `none`, or one origin; None is `*` as long as there are no tokens, then `none`.
    cors: str | None = _setting(
        None,
        "cors",
        "ORIGIN|*|none",
        ACCESS,
        "Whose pages may read from here in a browser (GET, HEAD and OPTIONS): the pages of one origin, of any,"
        " or none; by default any while no tokens are set.",
        converter=values.cors_setting,
        live=True,
        example="https://example.org",
    )

    # seconds; None says nothing of it.
    hsts: int | None = _setting(
        None,
        "hsts",
        "SECONDS",
        ACCESS,
        "Have browsers that came by HTTPS use nothing else for this host name, for so many seconds (0 takes it"
        " back). By default none is told so.",
        converter=values.optional(values.whole_number, "hsts", least=0, most=315_360_000, unit=" of seconds"),
        kind="whole number",
        live=True,
        example="31536000",
    )

    # None shows it where standard output is a terminal wide enough for it.
    qr: bool | None = _setting(
        None,
        "qr",
        None,
        LIFE,
        "Print the address as a QR code at the start, for a phone's camera, also where standard output is no"
        " terminal or a narrow one.",
        converter=values.optional_flag,
    )
    log_format: LogFormat = _setting(  # noqa: RUF009
        "text",
        "log-format",
        "text|json",
        LIFE,
        "How the server's own log is written: text for people, or a line of JSON for each event, for programs that"
        " gather logs.",
        shown="text",
        converter=values.log_format,
    )
    # Absolute path; None is no access log.
    access_log: bytes | None = _setting(
        None,
        "access-log",
        "FILE",
        LIFE,
        "Write one line for every request to this file, in the combined format.",
        converter=values.optional(values.folder, "access-log"),
        kind="path",
        live=True,
        example="/var/log/peerstor/access.log",
    )
    # Absolute path; None is audit.log where the state is, `none` is no audit log.
    audit_log: bytes | Literal["none"] | None = _setting(
        None,
        "audit-log",
        "FILE|none",
        LIFE,
        "Write who signed in, and who changed what, to this file as lines of JSON; by default audit.log where"
        " --state says. none writes nothing.",
        converter=values.audit_log,
        kind="path",
        live=True,
        example="/var/log/peerstor/audit.log",
    )
    # Whether everybody may see the figures.
    metrics_open: bool = _setting(
        False,
        "metrics-open",
        None,
        LIFE,
        "Show /-/metrics, the figures for Prometheus, to everybody; by default only to a token with the right"
        " admin.",
        live=True,
    )
    # Whether what has a faster way beside its ordinary one (see http/) takes it.
    fast_lanes: bool = _setting(
        True,
        "no-fast-lanes",
        None,
        LIFE,
        "Send and receive all the ordinary way: slower, with the same answers. To find out what is to blame.",
    )
    # seconds.
    drain: float = _setting(
        4.0,
        "drain",
        "SECONDS",
        LIFE,
        "Seconds that transfers get to end in when the server is stopped, fractions allowed.",
        shown="4",
        converter=lambda value: values.number(value, "drain", 0, 86400, " of seconds"),
        kind="number",
        live=True,
    )

    def __attrs_post_init__(self) -> None:
        """Refuse what can't be meant.

        :raises StartupError: options contradict each other.
        """
        if self.https and self.https_port is not None:
            raise StartupError(
                "--https speaks HTTPS on --port, --https-port beside it: give one of them, not both."
            )
        if self.listen and (self.host, self.port) != ("0.0.0.0", 8080):
            raise StartupError(
                "--listen takes the place of --host and --port: give it alone, as"
                f" --listen {TcpEndpoint(self.port, self.host)}."
            )
        if self.listen and self.https_port is not None:
            raise StartupError("--https-port stands beside --port; with --listen, give --https instead.")
        if self.https_port and self.https_port == self.port:
            raise StartupError("--https-port must be another one than --port. To have both on one: --https.")
        if self.key is not None and self.cert is None:
            raise StartupError("--key needs the certificate that it belongs to: --cert FILE.")
        if self.cert is not None and not self.tls:
            raise StartupError("--cert does nothing without HTTPS: add --https, or --https-port PORT.")

    @property
    def tls(self) -> bool:
        """Whether HTTPS is spoken anywhere."""
        return self.https or self.https_port is not None

    @property
    def upload_expiry_seconds(self) -> float:
        """Seconds after which an upload that does not go on is dropped."""
        return self.upload_expiry * 86400
