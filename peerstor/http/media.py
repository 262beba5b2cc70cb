"""Media types by name, and which of them a browser would run."""

import mimetypes
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from urllib.parse import quote

UNKNOWN = "application/octet-stream"

#: Where the standard table is silent, differs between versions of Python, or says what browsers don't take.
_OURS = {
    ".7z": "application/x-7z-compressed",
    ".aac": "audio/aac",
    ".apk": "application/vnd.android.package-archive",
    ".avif": "image/avif",
    ".br": "application/x-brotli",
    ".bz2": "application/x-bzip2",
    ".cfg": "text/plain",
    ".conf": "text/plain",
    ".deb": "application/vnd.debian.binary-package",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".dmg": "application/x-apple-diskimage",
    ".epub": "application/epub+zip",
    ".flac": "audio/flac",
    ".gz": "application/gzip",
    ".heic": "image/heic",
    ".ico": "image/vnd.microsoft.icon",
    ".ini": "text/plain",
    ".iso": "application/x-iso9660-image",
    ".jar": "application/java-archive",
    ".js": "text/javascript",
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".jxl": "image/jxl",
    ".log": "text/plain",
    ".m4a": "audio/mp4",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".mkv": "video/x-matroska",
    ".ndjson": "application/x-ndjson",
    ".odp": "application/vnd.oasis.opendocument.presentation",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".ogv": "video/ogg",
    ".opus": "audio/ogg",
    ".otf": "font/otf",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".rar": "application/vnd.rar",
    ".rtf": "application/rtf",
    ".sh": "text/x-shellscript",
    ".sql": "application/sql",
    ".toml": "application/toml",
    ".ttf": "font/ttf",
    ".wasm": "application/wasm",
    ".wav": "audio/wav",
    ".webm": "video/webm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xht": "application/xhtml+xml",
    ".xhtml": "application/xhtml+xml",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".xml": "application/xml",
    ".xsl": "application/xslt+xml",
    ".xslt": "application/xslt+xml",
    ".xz": "application/x-xz",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".z": "application/x-compress",
    ".zip": "application/zip",
    ".zst": "application/zstd",
}

_SHORT_FOR = {".tgz": ".gz", ".taz": ".gz", ".svgz": ".gz", ".tbz2": ".bz2", ".txz": ".xz", ".tzst": ".zst"}

_TEXT_NAMES = frozenset(
    {b"authors", b"changelog", b"copying", b"dockerfile", b"install", b"license", b"makefile", b"notice"}
    | {b"news", b"readme", b"todo", b".bashrc", b".gitignore", b".profile"}
)

_ACTIVE = frozenset({"text/html", "text/xml", "application/xml", "text/xsl", "multipart/related"})

#: What may stand in an extended parameter as it is (RFC 8187, section 3.2.1: attr-char).
_ATTR_CHARS = "!#$&+-.^_`|~"

#: What the plain parameter would have to escape, or what clients are known to take for an escape (RFC 6266,
#: appendix D).
_UNPLAIN = frozenset('"\\%/')


def _table() -> Mapping[bytes, str]:
    """Return media types by suffix; the machine's own files are not asked, so that all machines agree."""
    types = mimetypes.MimeTypes(filenames=()).types_map
    table = {**types[False], **types[True], **_OURS}
    table.update({short: table[long] for short, long in _SHORT_FOR.items()})
    return MappingProxyType({suffix.encode("ascii"): type_ for suffix, type_ in table.items()})


_BY_SUFFIX = _table()


@lru_cache(maxsize=1024)  # the names of files that are there, so that clients can't make them up
def media_type(name: bytes) -> str:
    """Return the value of `Content-Type` for a file of this name.

    Text is said to be UTF-8. A compressed file has the type of its compression, since it is sent as it lies there.
    """
    stem, dot, suffix = name.lower().rpartition(b".")
    known = _BY_SUFFIX.get(dot + suffix) if stem else None
    if known is None:
        known = "text/plain" if name.lower() in _TEXT_NAMES else UNKNOWN
    return f"{known}; charset=utf-8" if known.startswith("text/") else known


@lru_cache(maxsize=256)
def active(media_type: str) -> bool:
    """Say whether a browser would run content of this type as a page: HTML, SVG, XML and what is made of it."""
    essence = media_type.partition(";")[0].strip().lower()
    return essence in _ACTIVE or essence.endswith("+xml")


def disposition(name: bytes, kind: str = "attachment") -> bytes:
    """Return a `Content-Disposition` that names the file, whatever bytes its name has (RFC 6266, section 4.3).

    `filename` is for old clients, with `_` for what plain ASCII cannot hold; `filename*` is exact wherever the
    name is UTF-8, and holds U+FFFD elsewhere.
    """
    text = name.decode("utf-8", "replace")
    plain = "".join(c if " " <= c <= "~" and c not in _UNPLAIN else "_" for c in text)
    exact = quote(text, safe=_ATTR_CHARS)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{exact}".encode("ascii")
