"""Files that come in one go."""

import os
import stat

from blake3 import blake3
from twisted.internet.defer import CancelledError, Deferred

from peerstor.errors import (
    BadName,
    BodyCut,
    Exists,
    Forbidden,
    NoParent,
    NoSpace,
    NotFound,
    PreconditionFailed,
    Stopping,
    TooLarge,
)
from peerstor.tree.paths import TreePath
from peerstor.tree.publish import Conflict
from tests.fakes import HeldThreads
from tests.uploads.scaffold import Body, EngineCase, SmallDisk, Source, World


def at(url: bytes) -> TreePath:
    """A path from its URL."""
    return TreePath.from_url(url)


class ReceiveTests(EngineCase):
    """PUT and form parts."""

    def receive(self, source: object, url: bytes = b"/file.bin", **more: object) -> "Deferred[object]":
        options = {"length": None, "conflict": Conflict.RENAME, "may_replace": False, "by": "guest", **more}
        return self.later(self.engine.receive(at(url), source=source, **options))

    def refused(self, kind: type[Exception], url: bytes = b"/file.bin", **more: object) -> None:
        body = Body(b"x" * 100)
        self.failureResultOf(self.receive(body, url, **more), kind)
        self.assertFalse(body.asked)
        self.assertEqual(self.world.part_files(), [])

    def test_whole(self) -> None:
        """A file arrives whole, with its digest; listeners hear of it; nothing else is left."""
        done = self.successResultOf(self.receive(Body(b"hello"), length=5))
        self.assertEqual(self.content(), b"hello")
        self.assertEqual((done.size, done.digest, done.replaced), (5, blake3(b"hello").hexdigest(), False))
        self.assertEqual(done.stat.st_size, 5)
        self.assertEqual(self.world.heard.told, [(b"file.bin", 5, "guest", False)])
        self.assertEqual(self.world.part_files(), [])

    def test_empty(self) -> None:
        """A file without bytes is a file."""
        self.successResultOf(self.receive(Body(b""), length=0))
        self.assertEqual(self.content(), b"")

    def test_rights_follow_the_umask(self) -> None:
        """A received file may be read by whom the umask lets read it."""
        before = os.umask(0o022)
        self.addCleanup(os.umask, before)
        self.successResultOf(self.receive(Body(b"x")))
        self.assertEqual(stat.S_IMODE(os.stat(self.root + b"/file.bin").st_mode), 0o644)

    def test_refused_before_the_body(self) -> None:
        """What would be refused in the end is refused before the body."""
        self.successResultOf(self.receive(Body(b"old")))
        os.mkdir(self.root + b"/folder")
        self.refused(Exists, conflict=Conflict.REFUSE)
        self.refused(Forbidden, conflict=Conflict.REPLACE)
        self.refused(Exists, b"/folder", conflict=Conflict.REPLACE, may_replace=True)
        self.refused(NoParent, b"/absent/file")
        self.refused(NotFound, b"/.peerstor/file")
        self.refused(BadName, b"/a%0Ab")
        self.refused(NoSpace, length=1 << 60)
        self.boot(max_upload=99)
        self.refused(TooLarge, length=100)
        self.assertEqual(self.content(), b"old")

    def test_conditions(self) -> None:
        """A condition is judged before the body, and again before the rename."""
        seen: list[object] = []

        def absent(present: os.stat_result | None) -> None:
            seen.append(present)
            if present is not None:
                raise PreconditionFailed()

        source = Source()
        waiting = self.receive(source, check=absent)
        with open(self.root + b"/file.bin", "wb") as file:
            file.write(b"somebody else's")
        source.send(b"x").end()
        self.failureResultOf(waiting, PreconditionFailed)
        self.refused(PreconditionFailed, check=absent)
        self.assertEqual(self.content(), b"somebody else's")
        self.assertEqual(self.world.part_files(), [])

    def test_replacing(self) -> None:
        """Who may replace, replaces in one step."""
        self.successResultOf(self.receive(Body(b"old")))
        done = self.successResultOf(self.receive(Body(b"new"), conflict=Conflict.REPLACE, may_replace=True))
        self.assertTrue(done.replaced)
        self.assertEqual(self.content(), b"new")

    def test_failures_leave_nothing(self) -> None:
        """A cut body, a client that leaves, a full disk, a body over the limit: no part stays."""
        self.failureResultOf(self.receive(Body(b"hel", cut=True), length=5), BodyCut)
        self.failureResultOf(self.receive(Body(b"hel"), length=5), BodyCut)
        source = Source()
        waiting = self.receive(source)
        source.send(b"x")
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertTrue(source.stopped)
        self.assertEqual(self.world.part_files(), [])
        self.boot(pwrite=SmallDisk(3))
        self.failureResultOf(self.receive(Body(b"hello")), NoSpace)
        self.boot(max_upload=4)
        self.failureResultOf(self.receive(Body(b"hello")), TooLarge)
        self.assertEqual((self.world.part_files(), self.names()), ([], []))

    def test_stop(self) -> None:
        """Stopping cuts it; nothing stays."""
        source = Source()
        waiting = self.receive(source)
        source.send(b"x")
        self.now(self.engine.stop())
        self.failureResultOf(waiting, Stopping)
        self.assertEqual(self.world.part_files(), [])

    def test_killed(self) -> None:
        """What a killed process was receiving is swept at the next start."""
        source = Source()
        waiting = self.receive(source)
        source.send(b"x" * 1000)
        self.assertEqual(len(self.world.part_files()), 1)
        self.boot()
        self.assertEqual(self.world.part_files(), [])
        waiting.addErrback(lambda failure: None)

    def visits(self, *, ended: bool = False, lanes: bool = True) -> int:
        """Receive a small file; tells how many visits to a thread that took, and that the ledger took none."""
        threads, ledger_threads = HeldThreads(), HeldThreads()
        self.boot_with(threads, ledger_threads, lanes=lanes)
        body, visits = Body(b"x" * 10_240), 0
        body.ended = ended
        waiting = self.receive(body, length=10_240)
        while threads.waiting:
            threads.release()
            visits += 1
        self.successResultOf(waiting)
        self.assertEqual(ledger_threads.waiting, [])
        return visits

    def test_cheap(self) -> None:
        """A small file costs one visit when it is here with its head, else two; without its lane it takes three."""
        self.assertEqual(self.visits(ended=True), 1)
        self.assertEqual(self.visits(), 2)
        self.assertEqual(self.visits(lanes=False), 3)

    def boot_with(self, threads: HeldThreads, ledger_threads: HeldThreads, **options: object) -> None:
        """Serve with threads that the test lets run; started already."""
        self.world.kill()
        self.world = World(self.root, threads=threads, ledger_threads=ledger_threads, **options)
        self.engine = self.world.engine
        started = self.later(self.engine.start())
        while threads.waiting or ledger_threads.waiting:
            threads.release_all()
            ledger_threads.release_all()
        self.successResultOf(started)


class OrdinaryReceiveTests(ReceiveTests):
    """The same without the lane of small files."""

    def boot(self, **options: object) -> None:
        super().boot(**{"lanes": False, **options})
