"""Content coding: whether to compress, and compressing a file on the fly in constant memory."""

import os
import zlib
from collections.abc import Callable
from typing import Protocol

from werkzeug.http import parse_accept_header

from peerstor.http import spans
from peerstor.http.qualities import readable

try:
    import isal
    from isal import isal_zlib
except ImportError:  # no wheel for this platform
    isal_zlib = None  # type: ignore[assignment,unused-ignore]

#: Bytes compressed in one go in a thread. Each go costs a hop to the thread and back (some 0.1 ms), a third of the
#: time that isal takes for this much; more would only hold the thread and memory for longer.
SLICE = 256 * 1024

#: The fastest level: at this one isal compresses better than zlib does, at four times its speed.
_LEVEL = 1

_GZIP_CONTAINER = 31  # the largest window, framed as gzip


_COMPRESSIBLE = frozenset(
    {
        "application/ecmascript",
        "application/javascript",
        "application/json",
        "application/json5",
        "application/manifest+json",
        "application/ndjson",
        "application/rtf",
        "application/sql",
        "application/toml",
        "application/wasm",
        "application/x-ndjson",
        "application/x-sh",
        "application/xml",
        "application/yaml",
        "font/otf",
        "font/ttf",
        "image/bmp",
        "image/svg+xml",
        "image/vnd.microsoft.icon",
    }
)


class Compressor(Protocol):
    """What zlib and isal both offer."""

    def compress(self, data: bytes, /) -> bytes:
        """Return what is ready of the compressed bytes, perhaps nothing."""

    def flush(self) -> bytes:
        """Return the rest."""


def negotiate(accept_encoding: bytes | None) -> bytes | None:
    """Choose the content coding of an answer (RFC 9110, section 12.5.3).

    gzip is chosen where it is acceptable and not less wanted than none at all. Where neither is acceptable, the
    content goes uncoded rather than not at all.

    :param accept_encoding: the header's value; None when there is none.
    :return: `b"gzip"`, or None for the identity coding.
    """
    if accept_encoding is None:
        return None
    accepted = parse_accept_header(readable(accept_encoding.decode("latin-1")))
    named = {item.lower() for item, _ in accepted}
    gzip = accepted.quality("x-gzip" if "gzip" not in named and "x-gzip" in named else "gzip")
    identity = accepted.quality("identity")
    return b"gzip" if gzip > 0 and gzip >= identity else None


def compressible(media_type: str) -> bool:
    """Say whether content of this type gets smaller by compression: text and its like."""
    essence = media_type.partition(";")[0].strip().lower()
    return essence.startswith("text/") or essence.endswith(("+json", "+xml")) or essence in _COMPRESSIBLE


def compressor() -> Compressor:
    """Return a new compressor that writes a gzip stream, the same bytes for the same input."""
    if isal_zlib is not None:
        fast: Compressor = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _GZIP_CONTAINER)
        return fast
    return zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_CONTAINER)


def recipe() -> bytes:
    """Name all that decides which bytes a content is coded to; others may be made with another name only."""
    library = f"zlib {zlib.ZLIB_RUNTIME_VERSION}" if isal_zlib is None else f"isal {isal.__version__}"
    return f"gzip {_LEVEL} {SLICE} {library}".encode()


def gzipped(content: bytes) -> bytes:
    """Code a content as a whole: for little of it. Blocks for a tenth of a millisecond for each 64 KiB."""
    coder = compressor()
    return coder.compress(content) + coder.flush()


class Copy(Protocol):
    """Somewhere that the coded bytes go as well. Called in threads, one call at a time; raises nothing."""

    @property
    def over(self) -> bool:
        """Whether it takes no more."""

    def write(self, data: bytes) -> None:
        """Take the next bytes."""

    def keep(self, fd: int) -> None:
        """Know that these were all of them.

        :param fd: the file that they were made of, to see whether it has changed meanwhile.
        """

    def abandon(self) -> None:
        """Know that no more come, and that these were not all."""


class Gzip:
    """The gzip coding of an open file, slice by slice. All methods block; call them in threads, one at a time.

    :param fd: descriptor of a regular file; it is duplicated, so the caller may close it at any time.
    :param length: size of the file as it was at the head of the answer, bytes; not a byte more is read.
    :param copy: makes somewhere that the coded bytes go as well, or gives None; called in the thread.
    """

    def __init__(self, *, fd: int, length: int, copy: Callable[[], Copy | None] | None = None) -> None:
        self._fd = os.dup(fd)
        self._length = length
        self._position = 0
        self._begin_copy = copy
        self._copy: Copy | None = None
        self._compressor: Compressor | None = None
        self._wanted = True
        self._ended = False

    @property
    def ended(self) -> bool:
        """Whether the last bytes have been given; tells so in any thread."""
        return self._ended

    @property
    def copying(self) -> bool:
        """Whether the copy still takes what comes."""
        return self._copy is not None and not self._copy.over

    def forget(self) -> None:
        """Let a step that is under way end soon; doesn't block, and may be called in any thread."""
        self._wanted = False

    def step(self) -> bytes:
        """Give the next bytes, `b""` after the last: slices are read until some come out.

        A compressor may swallow a megabyte of zeros in silence.

        :raise FileShrank: the file ended before its length.
        """
        if self._compressor is None:
            self._compressor = compressor()
            self._copy = None if self._begin_copy is None else self._begin_copy()
        while self._wanted and not self._ended:
            coded = self._next(self._compressor)
            if coded:
                return coded
        return b""

    def close(self) -> None:
        """Tell the copy how it ended, and let go of everything; once more does nothing."""
        if self._fd < 0:
            return
        if self._copy is not None:
            if self._ended:
                self._copy.keep(self._fd)
            else:
                self._copy.abandon()
        os.close(self._fd)
        self._fd = -1

    def _next(self, coder: Compressor) -> bytes:
        wanted = min(SLICE, self._length - self._position)
        if wanted:
            data = spans.read(self._fd, self._position, wanted)
            self._position += len(data)
            coded = coder.compress(data)
        else:
            coded, self._ended = coder.flush(), True
        if self._copy is not None and coded:
            self._copy.write(coded)
        return coded
