"""Which files a page can show, and by what means; their names decide, as they do for their media type."""

from enum import Enum
from functools import lru_cache

from peerstor.http.coding import compressible
from peerstor.http.media import UNKNOWN, media_type

TEXT_AT_MOST = 1 << 20
"""Bytes of text, code and Markdown that are shown: more takes a browser long, and nobody reads it there."""


class Kind(Enum):
    """By what means a file is shown."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    PDF = "pdf"
    TEXT = "text"
    MARKDOWN = "markdown"
    UNKNOWN = "unknown"
    """What is text if it looks like it."""
    OTHER = "other"
    """What can only be downloaded."""


PLAYED = frozenset({kind.value for kind in (Kind.IMAGE, Kind.VIDEO, Kind.AUDIO, Kind.PDF)})
"""Those that a browser shows by its own means, from the file's own address."""

_IMAGES = frozenset(
    {"apng", "avif", "bmp", "gif", "jpeg", "png", "svg+xml", "vnd.microsoft.icon", "webp", "x-icon"}
)
_VIDEOS = frozenset({"mp4", "ogg", "quicktime", "webm", "x-m4v"})
_SOUNDS = frozenset({"aac", "flac", "mp4", "mpeg", "ogg", "wav", "webm", "x-wav"})
_SHOWN = {"image": (_IMAGES, Kind.IMAGE), "video": (_VIDEOS, Kind.VIDEO), "audio": (_SOUNDS, Kind.AUDIO)}

_CODE = frozenset(
    {"application/x-tex", "application/sql", "application/toml", "application/yaml", "application/x-ndjson"}
)
_MARKDOWN = (b".md", b".markdown")


@lru_cache(maxsize=256)
def kind_of(name: bytes) -> Kind:
    """Tell from a file's name how it is shown."""
    essence = media_type(name).partition(";")[0]
    family, _, rest = essence.partition("/")
    if name.lower().endswith(_MARKDOWN):
        return Kind.MARKDOWN
    if essence == UNKNOWN:
        return Kind.UNKNOWN
    if essence == "application/pdf":
        return Kind.PDF
    if family in _SHOWN and rest in _SHOWN[family][0]:
        return _SHOWN[family][1]
    return Kind.TEXT if compressible(essence) or essence in _CODE else Kind.OTHER


def looks_like_text(content: bytes) -> bool:
    """Tell whether content whose name says nothing is text: UTF-8 in which no control character of others is."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not content.translate(None, _NO_CONTROLS)


_NO_CONTROLS = bytes(set(range(256)) - (set(range(32)) - set(b"\t\n\r\f\x1b\b")))
