"""Content coding: whether to compress, and compressing a file on the fly in constant memory."""

import zlib
from typing import Protocol

from twisted.internet.defer import Deferred
from werkzeug.http import parse_accept_header

from peerstor.http import spans
from peerstor.http.blocks import Runs
from peerstor.http.qualities import readable

try:
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


class GzipBlocks:
    """The gzip coding of an open file, in blocks (see `peerstor.http.blocks.BlockSource`).

    :param fd: descriptor of a regular file; whoever opened it closes it, after the transfer.
    :param length: size of the file as it was at the head of the answer, bytes; not a byte more is read.
    :param threads: where reading and compressing run, one slice at a time.
    """

    def __init__(self, *, fd: int, length: int, threads: Runs) -> None:
        self._fd = fd
        self._length = length
        self._position = 0
        self._threads = threads
        self._compressor = compressor()
        self._flushed = False

    def next_block(self) -> Deferred[bytes]:
        """Return the next block; it fails with `FileShrank` when the file ends before its length."""
        return Deferred.fromCoroutine(self._next())

    def close(self) -> None:
        """Forget what is left."""
        self._flushed = True

    async def _next(self) -> bytes:
        """Feed slices until something comes out: a compressor may swallow a megabyte of zeros in silence."""
        while not self._flushed:
            block = await self._threads.run(self._step)
            if block:
                return block
        return b""

    def _step(self) -> bytes:
        """Read and compress one slice. Blocks; runs in a thread, never twice at once."""
        wanted = min(SLICE, self._length - self._position)
        if not wanted:
            self._flushed = True
            return self._compressor.flush()
        data = spans.read(self._fd, self._position, wanted)
        self._position += len(data)
        return self._compressor.compress(data)
