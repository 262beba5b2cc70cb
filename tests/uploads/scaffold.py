"""A storage in a temporary folder with the real engine on it, and the bytes that clients send to it."""

import errno
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Coroutine, Iterable
from typing import Any
from unittest import SkipTest

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IConsumer, IPushProducer
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from peerstor.interfaces import IByteSource, IChangeListener, IThreads
from peerstor.tree.private import PrivateFolder
from peerstor.tree.publish import Conflict, Publisher
from peerstor.tree.sandbox import Sandbox
from peerstor.tree.trash import Trash
from peerstor.uploads.engine import Engine
from peerstor.uploads.ledger import Ledger
from peerstor.uploads.parts import PartStore
from peerstor.uploads.records import Completed, UploadKey
from tests.fakes import ImmediateThreads


@implementer(IByteSource, IPushProducer)
class Source:
    """A request's body whose pace the test sets: pushes nothing while paused, except what `send` forces."""

    def __init__(self) -> None:
        self.consumer: Any = None
        self.paused = False
        self.stopped = False
        self.ended = False
        self.pauses = 0
        self.count = 0
        self.done: Deferred[int] = Deferred()

    def deliver(self, consumer: IConsumer) -> Deferred[int]:
        """See `IByteSource`."""
        self.consumer = consumer
        consumer.registerProducer(self, True)
        return self.done

    def send(self, data: bytes) -> "Source":
        """Let bytes arrive."""
        self.count += len(data)
        self.consumer.write(data)
        return self

    def end(self) -> None:
        """Let the body come to its true end."""
        self.consumer.unregisterProducer()
        self.done.callback(self.count)

    def lose(self) -> None:
        """Let the connection break."""
        if not self.done.called:
            self.consumer.unregisterProducer()
            self.done.errback(Failure(ConnectionLost()))

    def pauseProducing(self) -> None:
        """See `IPushProducer`."""
        self.paused = True
        self.pauses += 1

    def resumeProducing(self) -> None:
        """See `IPushProducer`."""
        self.paused = False

    def stopProducing(self) -> None:
        """See `IPushProducer`."""
        self.stopped = True
        if not self.done.called:
            self.done.errback(Failure(ConnectionLost()))


@implementer(IByteSource, IPushProducer)
class Body:
    """A body that is there at once, in pieces; it honours pauses and can be cut after its last byte.

    :param views: which of the pieces, one after the other, it gives as views.
    """

    def __init__(self, data: bytes, *, piece: int = 65536, cut: bool = False, views: Iterable[bool] = ()) -> None:
        self._views = iter(views)
        self._left = [data[at : at + piece] for at in range(0, len(data), piece)]
        self._size = len(data)
        self._cut = cut
        self._consumer: Any = None
        self._paused = False
        self._pushing = False
        self._done: Deferred[int] = Deferred()
        self.asked = False
        self.ended = False

    def deliver(self, consumer: IConsumer) -> Deferred[int]:
        """See `IByteSource`."""
        self.asked = True
        self._consumer = consumer
        consumer.registerProducer(self, True)
        self.resumeProducing()
        return self._done

    def pauseProducing(self) -> None:
        """See `IPushProducer`."""
        self._paused = True

    def resumeProducing(self) -> None:
        """See `IPushProducer`."""
        self._paused = False
        if self._pushing:
            return
        self._pushing = True
        while self._left and not self._paused and not self._done.called:
            self._give(self._left.pop(0))
        self._pushing = False
        if not self._left and not self._done.called:
            self._consumer.unregisterProducer()
            if self._cut:
                self._done.errback(Failure(ConnectionLost()))
            else:
                self._done.callback(self._size)

    def _give(self, piece: bytes) -> None:
        if next(self._views, False):
            room = bytearray(piece)
            self._consumer.write_through(memoryview(room))
            room[:] = bytes(len(room))
        else:
            self._consumer.write(piece)

    def stopProducing(self) -> None:
        """See `IPushProducer`."""
        self._left.clear()
        if not self._done.called:
            self._done.errback(Failure(ConnectionLost()))


@implementer(IChangeListener)
class Heard:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[bytes, int, str, bool]] = []
        self.addresses: list[str | None] = []

    def published(self, path: bytes, size: int, by: str, replaced: bool, address: str | None) -> None:
        """See `IChangeListener`."""
        self.told.append((path, size, by, replaced))
        self.addresses.append(address)

    def removed(self, path: bytes, by: str, address: str | None) -> None:
        """See `IChangeListener`."""

    def moved(self, path: bytes, to: bytes, by: str, replaced: bool, address: str | None) -> None:
        """See `IChangeListener`."""

    def copied(self, path: bytes, to: bytes, by: str, address: str | None) -> None:
        """See `IChangeListener`."""

    def restored(self, path: bytes, by: str, address: str | None) -> None:
        """See `IChangeListener`."""

    def purged(self, path: bytes, by: str, address: str | None) -> None:
        """See `IChangeListener`."""

    def made(self, path: bytes, by: str, address: str | None) -> None:
        """See `IChangeListener`."""


class SmallDisk:
    """`pwrite` on a disk with room for so many bytes more; writes what fits, as a real one does."""

    def __init__(self, room: int) -> None:
        self.room = room

    def __call__(self, fd: int, data: memoryview, position: int) -> int:
        if self.room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = os.pwrite(fd, data[: self.room], position)
        self.room -= taken
        return taken


class World:
    """One storage folder and one process that serves it."""

    def __init__(
        self,
        root: bytes,
        *,
        boot_id: str = "boot-1",
        clock: Any = None,
        threads: IThreads | None = None,
        pwrite: Callable[..., int] = os.pwrite,
        fsync: bool = True,
        now: float | None = None,
        state: bytes | None = None,
        **options: Any,
    ) -> None:
        os.makedirs(root, exist_ok=True)
        self.root = root
        self.clock = Clock() if clock is None else clock
        self.now = 1_000_000.0 if now is None else now
        self.heard = Heard()
        self._root_fd = os.open(root, os.O_RDONLY)
        self.private = PrivateFolder.open(self._root_fd, storage=root)
        self.sandbox = Sandbox(root, private=self.private)
        trash = Trash(private=self.private, sandbox=self.sandbox, fsync=fsync)
        self.publisher = Publisher(sandbox=self.sandbox, trash=trash, fsync=fsync)
        path = Ledger.path_in(state or root + b"/.peerstor", self.private.instance_id)
        self.ledger = Ledger(path=path, fsync=fsync, wall=self.wall)
        self.parts = PartStore(private=self.private, pwrite=pwrite)
        threads = threads or ImmediateThreads()
        self.engine = Engine(
            ledger=self.ledger,
            parts=self.parts,
            publisher=self.publisher,
            sandbox=self.sandbox,
            threads=threads,
            ledger_threads=options.pop("ledger_threads", threads),
            clock=self.clock,
            wall=self.wall,
            boot_id=boot_id,
            fsync=fsync,
            listeners=[self.heard],
            **options,
        )

    def wall(self) -> float:
        """The time, seconds since the epoch."""
        return self.now + self.clock.seconds()

    def kill(self) -> None:
        """End the process as SIGKILL does: nothing is written any more; the kernel closes the files."""
        self.ledger.close()
        self.private.close()
        os.close(self._root_fd)

    def part_files(self) -> list[str]:
        """Names of all part files in the private folder."""
        return sorted(map(os.fsdecode, os.listdir(self.root + b"/.peerstor/parts")))


def key(name: bytes = b"file.bin", folder: bytes = b"", principal: str = "guest") -> UploadKey:
    """The key of an upload."""
    return UploadKey(principal, folder, name)


def mount_tmpfs(case: SynchronousTestCase, folder: bytes, size: str) -> None:
    """Mount a small file system of its own for the rest of a test; skips it where we may not mount.

    :param size: as mount(8) takes it, `256k`.
    """
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", os.fsdecode(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        raise SkipTest("only root may mount")
    case.addCleanup(subprocess.run, ["umount", "-l", os.fsdecode(folder)], check=False, capture_output=True)


class EngineCase(SynchronousTestCase):
    """Gives each test a running engine on a storage of its own: `self.world`, `self.engine`."""

    def setUp(self) -> None:
        self.base = os.fsencode(os.path.realpath(tempfile.mkdtemp()))
        self.addCleanup(shutil.rmtree, self.base, ignore_errors=True)
        self.root = self.base + b"/storage"
        self.world: World | None = None
        self.boot()
        self.addCleanup(lambda: self.world.kill())

    def boot(self, **options: Any) -> None:
        """Serve the storage, after killing the process that did."""
        if self.world is not None:
            options.setdefault("now", self.world.now + self.world.clock.seconds())
            self.world.kill()
        self.world = World(self.root, **options)
        self.engine = self.world.engine
        self.now(self.engine.start())

    def later(self, work: Coroutine[Any, Any, Any]) -> Deferred[Any]:
        """Begin something, and let the reactor's turn end in which that was."""
        assert self.world is not None
        done = Deferred.fromCoroutine(work)
        self.world.clock.advance(0)
        return done

    def now(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do something that needs no time."""
        return self.successResultOf(self.later(work))

    def fault(self, kind: type[Exception], work: Coroutine[Any, Any, Any]) -> Any:
        """Do something that is refused; gives the fault."""
        return self.failureResultOf(self.later(work), kind).value

    def append(self, data: bytes, offset: int = 0, **more: Any) -> int:
        """Append in one go."""
        more.setdefault("length", len(data))
        where = more.pop("key", key())
        return self.now(self.engine.append(where, offset=offset, source=Body(data), **more))

    def offset(self, **more: Any) -> int:
        """The present offset."""
        return self.now(self.engine.offset(more.pop("key", key()), **more))

    def complete(self, size: int, **more: Any) -> Completed:
        """Complete, by default as a guest who gets another name when it is taken."""
        return self.now(self.completing(size, **more))

    def completing(self, size: int, **more: Any) -> Coroutine[Any, Any, Completed]:
        """The same, to be begun."""
        more.setdefault("conflict", Conflict.RENAME)
        more.setdefault("may_replace", False)
        return self.engine.complete(more.pop("key", key()), size=size, **more)

    def content(self, name: bytes = b"file.bin") -> bytes:
        """What lies in the storage under a name."""
        with open(self.root + b"/" + name, "rb") as file:
            return file.read()

    def names(self) -> list[bytes]:
        """What clients may see in the storage's root."""
        return sorted(name for name in os.listdir(self.root) if name != b".peerstor")

    def part(self) -> bytes:
        """Content of the only part file."""
        [name] = os.listdir(self.root + b"/.peerstor/parts")
        with open(self.root + b"/.peerstor/parts/" + name, "rb") as file:
            return file.read()
