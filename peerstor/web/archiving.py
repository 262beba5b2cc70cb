"""Answering with a folder, or some of its entries, as one archive: made while it is sent, in constant memory."""

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from attrs import frozen
from twisted.internet.interfaces import IReactorTime

from peerstor.access.throttle import network
from peerstor.errors import BadPath, BadRequest, TooMany
from peerstor.http import spans
from peerstor.http.blocks import send
from peerstor.http.media import disposition
from peerstor.http.members import BLOCK, Member
from peerstor.http.request import StreamingRequest
from peerstor.http.stepped import Gathered, SteppedBlocks
from peerstor.interfaces import IThreads
from peerstor.tree.paths import NAME_BYTES, TreePath
from peerstor.tree.sandbox import Opened, Sandbox
from peerstor.tree.walk import Met, Walk
from peerstor.web.counts import WebCounts
from peerstor.web.parameters import text, texts
from peerstor.web.wanted import Wanted

TOP = b"files"
"""What the archive of the whole storage is called."""

AT_ONCE = 8
AT_ONCE_EACH = 2
"""Archives under way, in all and for one client: each has a walk's descriptors and the names of what was sent."""

RETRY = 10
"""Seconds after which somebody may ask again who has too many."""

MEDIA_TYPES = {"zip": b"application/zip", "tar": b"application/x-tar"}


@frozen
class Wish:
    """Which archive is asked for.

    :param form: how it is made: one of the names that its file ends in.
    :param names: of the folder's entries that it shall hold; none for all.
    """

    form: str
    names: tuple[bytes, ...]


def wished(request: StreamingRequest) -> Wish | None:
    """Read from a folder's address which archive of it is asked for; None where it isn't.

    :raise BadRequest, BadNumber: of a kind that isn't made, or with an order that not even a listing could have.
    :raise BadPath: something is named that can't be an entry.
    """
    if b"?" not in request.uri:
        return None
    names = checked(texts(request, b"name"))  # what can't be meant is refused, archive or not
    form = text(request, b"archive")
    if form is None:
        return None
    Wanted.of(request)
    return Wish(known_form("archive", form), names)


def known_form(parameter: str, value: bytes) -> str:
    """Read a kind of archive; raises BadRequest where it isn't made."""
    form = value.decode("latin-1")
    if form not in MEDIA_TYPES:
        raise BadRequest("{name} must be {one} or {other}.", name=parameter, one="zip", other="tar")
    return form


def checked(names: Collection[bytes]) -> tuple[bytes, ...]:
    """Take names as those of entries; raises BadPath for what can't be any."""
    for name in names:
        if name in (b"", b".", b"..") or b"\0" in name or b"/" in name or len(name) > NAME_BYTES:
            raise BadPath()
    return tuple(names)


class Mark:
    """Takes note of where in an archive the first file begins that isn't empty.

    Whoever counts downloads counts what was sent of that one. Written in threads; read it when all is over.

    :ivar file: that file; None where the archive didn't come to any.
    :ivar start: bytes of the archive before the file's own.
    """

    def __init__(self) -> None:
        self.file: Met | None = None
        self.start = 0
        self._given = 0

    def counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Pass the bytes of the archive on."""
        for piece in pieces:
            self._given += len(piece)
            yield piece

    def noted(self, met: Met, content: Iterator[bytes]) -> Iterator[bytes]:
        """Pass the bytes of a file on; the first is asked for when all that comes before it has been given."""
        for piece in content:
            if self.file is None:
                self.file, self.start = met, self._given
            yield piece


class Archives:
    """Sends archives."""

    def __init__(self, *, sandbox: Sandbox, threads: IThreads, clock: IReactorTime, counts: WebCounts) -> None:
        """Make a sender of archives.

        :param threads: where folders are walked, and files read and summed up.
        """
        self._sandbox = sandbox
        self._threads = threads
        self._clock = clock
        self._counts = counts
        self._under_way: Counter[str] = Counter()

    @contextmanager
    def turn(self, request: StreamingRequest) -> Iterator[None]:
        """Let a client have an archive under way.

        :raise TooMany: it has too many, or all clients together have.
        """
        who = network(request.remote)
        if self._under_way[who] >= AT_ONCE_EACH or self._under_way.total() >= AT_ONCE:
            raise TooMany(retry_after=RETRY)
        self._under_way[who] += 1
        try:
            yield
        finally:
            self._under_way[who] -= 1
            if not self._under_way[who]:
                del self._under_way[who]

    async def answer(
        self, request: StreamingRequest, path: TreePath, wish: Wish, mark: Mark | None = None
    ) -> bytes:
        """Answer GET or HEAD with an archive; all of the body is sent here.

        The names in it begin with those of the folder's entries, not with its own.

        :param path: of the folder.
        :param mark: takes note of what is sent.
        :raise TooMany: as `turn`.
        :raise NotFound, Forbidden, TooMuch, Unreadable, StorageUnavailable, Overloaded: as `Walk.begin`.
        """
        if request.method == b"HEAD":
            await self._threads.run(self._check, path)
            self._describe(request, path, wish)
            return b""
        with self.turn(request):
            await self.send(request, path, wish, mark or Mark())
        return b""

    async def send(self, request: StreamingRequest, path: TreePath, wish: Wish, mark: Mark) -> None:
        """Send an archive to somebody who has their turn.

        :raise: as `answer`; once it has begun, for what goes wrong on the way as well: the connection must be cut.
        """
        walk = Walk(self._sandbox, path, names=wish.names)
        try:
            await self._threads.run(walk.begin)
            self._describe(request, path, wish)
            steps = Gathered(_pieces(walk, wish.form, mark), closing=walk.close)
            with self._counts.transfer():
                await send(request, SteppedBlocks(steps, threads=self._threads), clock=self._clock)
        finally:
            walk.forget()

    def _describe(self, request: StreamingRequest, path: TreePath, wish: Wish) -> None:
        name = (path.name or TOP) + f".{wish.form}".encode()
        request.setHeader(b"content-type", MEDIA_TYPES[wish.form])
        request.setHeader(b"content-disposition", disposition(name))

    def _check(self, path: TreePath) -> None:
        self._sandbox.folder(path).close()


def _pieces(walk: Walk, form: str, mark: Mark) -> Iterator[bytes]:
    """Give the bytes of an archive. Blocks."""
    # Not at the top: most servers never make one, and the formats' libraries would be held in memory all the same.
    if form == "tar":
        from peerstor.http.tarstream import tar_stream as stream
    else:
        from peerstor.http.zipstream import zip_stream as stream
    return mark.counted(stream(_member(met, mark) for met in walk.met()))


def _member(met: Met, mark: Mark) -> Member:
    found, is_folder = met.opened.stat, met.opened.is_folder
    return Member(
        parts=met.parts,
        is_folder=is_folder,
        size=0 if is_folder else found.st_size,
        mtime=found.st_mtime_ns // 1_000_000_000,
        runnable=bool(found.st_mode & 0o100),
        content=iter(()) if is_folder else mark.noted(met, _content(met.opened)),
    )


def _content(opened: Opened) -> Iterator[bytes]:
    """Read as many bytes of a file as it had when it was opened; raises FileShrank where it has fewer."""
    position, size = 0, opened.stat.st_size
    while position < size:
        piece = spans.read(opened.fd, position, min(BLOCK, size - position))
        position += len(piece)
        yield piece
