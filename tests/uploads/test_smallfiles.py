"""Small files in company: each as if it were alone, whatever becomes of the others."""

import errno
import os
import time
from contextvars import ContextVar
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from peerstor.errors import (
    BodyCut,
    DigestMismatch,
    Exists,
    Forbidden,
    NoParent,
    NoSpace,
    PreconditionFailed,
    Stopping,
    StorageUnavailable,
    TooLarge,
)
from peerstor.tree.paths import TreePath
from peerstor.tree.publish import Conflict
from peerstor.uploads import nameless, smallfiles
from peerstor.uploads.digests import Digest
from peerstor.uploads.effort import ABREAST, REMOTE
from peerstor.uploads.groups import AT_MOST
from peerstor.uploads.smallfiles import SMALL
from peerstor.uploads.terms import Terms
from tests.fakes import HeldThreads
from tests.uploads.scaffold import Body, EngineCase, Source, World, mount_tmpfs

BAD = b"bad"


def picky(fd: int, data: memoryview, position: int) -> int:
    """A disk that has no room for some bytes."""
    if bytes(data) == BAD:
        raise OSError(errno.ENOSPC, "No space left on device")
    return os.pwrite(fd, data, position)


class SmallCase(EngineCase):
    """An engine whose threads the test lets run."""

    def boot(self, **options: Any) -> None:
        """See `EngineCase`."""
        if self.world is not None:
            self.world.kill()
        self.threads = HeldThreads()
        self.world = World(self.root, threads=self.threads, **{"pwrite": picky, **options})
        self.engine = self.world.engine
        started = self.later(self.engine.start())
        self.threads.release_all()
        self.successResultOf(started)

    def receive(self, name: str, data: bytes = b"data", *, here: bool = True, **more: Any) -> Deferred[Any]:
        """Begin to receive a file; by default one that is all here with its head."""
        source = more.pop("source", None)
        if source is None:
            source = Body(data)
            source.ended = here
        options = {"conflict": Conflict.REPLACE, "may_replace": True, "by": "ann", "length": len(data), **more}
        return self.later(self.engine.receive(TreePath.from_url(name.encode()), source=source, **options))

    def released(self) -> int:
        """Let all threads run; tells how many visits that were."""
        visits = 0
        while self.threads.waiting:
            self.threads.release()
            visits += 1
        return visits

    def tree(self) -> dict[bytes, bytes]:
        """The storage's files with their content."""
        return {name: self.content(name) for name in self.names()}


class CompanyTests(SmallCase):
    """Files that are stored by one visit."""

    named = False

    def together(self, *files: Any) -> list[Any]:
        """Receive files by one visit, behind one that is under way; gives them."""
        self.receive("/first")
        done = [self.receive(*args, **more) for args, more in files]
        self.assertEqual(self.released(), 2)
        self.assertEqual(self.content(b"first"), b"data")
        self.assertEqual(self.world.part_files(), [])
        return done

    def test_all_well(self) -> None:
        """All are stored, listeners hear of each once."""
        done = self.together(*[((f"/{number}", b"%d" % number), {}) for number in range(5)])
        self.assertEqual([self.successResultOf(one).size for one in done], [1] * 5)
        told = [(b"first", 4, "ann", False), *[(b"%d" % number, 1, "ann", False) for number in range(5)]]
        self.assertEqual(self.world.heard.told, told)
        self.assertEqual((self.engine.counts.begun, self.engine.counts.finished), (6, 6))

    def test_slow_disk(self) -> None:
        """Where each takes long, several threads make them."""

        def slow(fd: int, data: memoryview, position: int) -> int:
            time.sleep(2 * REMOTE)
            return os.pwrite(fd, data, position)

        self.boot(pwrite=slow)
        self.together(*[((f"/{number}",), {}) for number in range(AT_MOST)])
        done = [self.receive(f"/again {number}") for number in range(ABREAST + 1)]
        self.assertEqual(len(self.threads.waiting), ABREAST)
        self.threads.release_all()
        for one in done:
            self.successResultOf(one)
        self.assertEqual(len(self.names()), 1 + AT_MOST + ABREAST + 1)

    def test_failures(self) -> None:
        """A full disk, a condition, a wrong digest, a missing folder, a lacking right: each its own, and counted."""

        def never(found: os.stat_result | None) -> None:
            raise PreconditionFailed()

        with open(self.root + b"/old", "wb") as file:
            file.write(b"old")
        done = self.together(
            (("/good",), {}),
            (("/full", BAD), {}),
            (("/checked",), {"check": never}),
            (("/wrong",), {"digests": [Digest("sha-256", bytes(32))]}),
            (("/absent/file",), {}),
            (("/old",), {"may_replace": False}),
            (("/also good",), {}),
        )
        self.successResultOf(done.pop(0))
        self.successResultOf(done.pop())
        for one, kind in zip(
            done, (NoSpace, PreconditionFailed, DigestMismatch, NoParent, Forbidden), strict=True
        ):
            self.failureResultOf(one, kind)
        whole = {b"first": b"data", b"good": b"data", b"also good": b"data", b"old": b"old"}
        self.assertEqual(self.tree(), whole)
        counts = self.engine.counts
        self.assertEqual((counts.begun, counts.finished, counts.failed, counts.receiving), (5, 3, 2, 0))

    def test_room_is_told(self) -> None:
        """Whose bytes the disk doesn't take hears how much room is left."""
        [failed] = self.together((("/full", BAD), {}))
        self.assertIsInstance(self.failureResultOf(failed, NoSpace).value.free, int)

    def test_free_name(self) -> None:
        """A free name isn't looked at where parts have no names; one where something has to be, or is, is."""

        def existing(found: os.stat_result | None) -> None:
            if found is None:
                raise PreconditionFailed()

        for name in (b"there", b"taken"):
            with open(self.root + b"/" + name, "wb") as file:
                file.write(b"old")
        looked, real = [], os.stat

        def stat(name: Any, **more: Any) -> os.stat_result:
            looked.append(name)
            return real(name, **more)

        self.patch(os, "stat", stat)
        done = self.together(
            (("/free",), {"check": lambda found: None}),
            (("/there",), {"check": existing, "may_replace": True}),
            (("/taken",), {"may_replace": True}),
        )
        self.assertEqual([self.successResultOf(one).replaced for one in done], [False, True, True])
        self.assertEqual(b"free" in looked, self.named)
        self.assertTrue({b"there", b"taken"}.issubset(looked))

    def test_condition_in_the_end(self) -> None:
        """A condition that the file before made untrue holds no more when the name is taken."""

        def absent(found: os.stat_result | None) -> None:
            if found is not None:
                raise PreconditionFailed()

        one, other = self.together((("/new", b"1"), {"check": absent}), (("/new", b"2"), {"check": absent}))
        self.successResultOf(one)
        self.failureResultOf(other, PreconditionFailed)
        self.assertEqual(self.content(b"new"), b"1")

    def test_same_name(self) -> None:
        """Of two that want the same name the first has it, and the other what its rule says."""
        rules = (Conflict.RENAME, Conflict.REPLACE, Conflict.REFUSE)
        for rule in rules:
            name = rule.value
            files = [((f"/{name}", content), {"conflict": rule}) for content in (b"1", b"2")]
            one, other = self.together(*files)
            self.assertFalse(self.successResultOf(one).replaced)
            if rule is Conflict.REFUSE:
                self.failureResultOf(other, Exists)
            else:
                self.assertIs(self.successResultOf(other).replaced, rule is Conflict.REPLACE)
        found = {**self.tree()}
        del found[b"first"]
        self.assertEqual(found, {b"rename": b"1", b"rename (2)": b"2", b"replace": b"2", b"refuse": b"1"})
        kept = [name for _, _, names in os.walk(self.root + b"/.peerstor/trash") for name in names]
        self.assertIn(b"replace", kept)

    def test_client_leaves(self) -> None:
        """Who leaves is nothing to the others; what had come of it whole is stored."""
        self.receive("/first")
        leaving, staying = self.receive("/leaving"), self.receive("/staying")
        leaving.cancel()
        self.failureResultOf(leaving, CancelledError)
        self.released()
        self.successResultOf(staying)
        self.assertEqual({*self.tree()}, {b"first", b"leaving", b"staying"})

    def lose_names(self) -> None:
        """Have a disk that doesn't keep names in the storage's folder."""
        real = os.fsync
        folder = os.stat(self.root).st_ino

        def fsync(fd: int) -> None:
            if os.fstat(fd).st_ino == folder:
                raise OSError(errno.EIO, "lost")
            real(fd)

        self.patch(os, "fsync", fsync)

    def test_name_lost(self) -> None:
        """Without its name on the disk, no file is acknowledged."""
        self.lose_names()
        done = self.receive("/file")
        self.released()
        self.failureResultOf(done, StorageUnavailable)
        self.assertEqual((self.engine.counts.begun, self.engine.counts.failed), (1, 1))

    def test_not_taken_for_another(self) -> None:
        """That its own name is there by then speaks against no file: it is the disk that is at fault."""

        def only_new(found: os.stat_result | None) -> None:
            if found is not None:
                raise PreconditionFailed()

        self.lose_names()
        cases: list[dict[str, Any]] = [{"may_replace": False}, {"check": only_new}, {"conflict": Conflict.REFUSE}]
        for number, case in enumerate(cases):
            done = self.receive(f"/file{number}", **case)
            self.released()
            self.failureResultOf(done, StorageUnavailable)
        self.assertEqual((self.engine.counts.begun, self.engine.counts.failed), (3, 3))


class StoredTests(CompanyTests):
    """The same files, given whole (`Engine.store`)."""

    def receive(self, name: str, data: bytes = b"data", *, here: bool = True, **more: Any) -> Deferred[Any]:
        """Store a file."""
        options = {"conflict": Conflict.REPLACE, "may_replace": True, "by": "ann", "length": len(data), **more}
        terms = Terms(**{"target": TreePath.from_url(name.encode()), "check": None, "digests": (), **options})
        done = self.engine.store(terms, data, "address")
        self.world.clock.advance(0)
        return done

    test_client_leaves = None  # type: ignore[assignment]  # whoever leaves doesn't have it cancelled

    def test_turn(self) -> None:
        """Those that come in one turn of the reactor need one visit."""
        terms = [
            Terms(TreePath.from_url(b"/%d" % n), 1, Conflict.REPLACE, True, "ann", None, ()) for n in range(4)
        ]
        done = [self.engine.store(each, b"x", None) for each in terms]
        self.assertEqual(self.threads.waiting, [])
        self.world.clock.advance(0)
        self.assertEqual(self.released(), 1)
        self.assertEqual([self.successResultOf(one).size for one in done], [1] * 4)

    def test_stopping(self) -> None:
        """What has begun is stored and told of before a stop is over; nothing begins after that."""
        waiting = self.receive("/waiting")
        stopped = self.later(self.engine.stop())
        late = self.receive("/late")
        self.failureResultOf(late, Stopping)
        self.assertNoResult(stopped)
        stopped.addCallback(lambda _: self.assertEqual(len(self.world.heard.told), 1))
        self.released()
        self.successResultOf(stopped)
        self.successResultOf(waiting)
        self.assertEqual(self.names(), [b"waiting"])

    def test_other_way(self) -> None:
        """What is large, is too much for the memory, or lies on a disk of its own, goes the way of large files."""
        os.mkdir(self.root + b"/mounted")
        mount_tmpfs(self, self.root + b"/mounted", "1M")
        self.patch(smallfiles, "TOGETHER", SMALL)
        self.boot()
        first = self.receive("/first", b"1" * SMALL)
        done = [self.receive("/second"), self.receive("/large", b"x" * (SMALL + 1))]
        self.assertGreater(self.released(), 2)
        done += [first, self.receive("/mounted/file")]
        self.assertGreater(self.released(), 2)
        for one in done:
            self.successResultOf(one)
        counts = self.engine.counts
        self.assertEqual((counts.begun, counts.finished, counts.failed), (4, 4, 0))
        self.assertEqual(self.content(b"mounted/file"), b"data")

    def test_too_large(self) -> None:
        """What is more than is taken at all isn't."""
        self.boot(max_upload=3)
        self.failureResultOf(self.receive("/file"), TooLarge)

    def test_context(self) -> None:
        """Who is told of a file is told in the context that it was given in."""
        said: ContextVar[str] = ContextVar("said", default="")
        heard: list[str] = []
        self.patch(self.world.heard, "published", lambda *_: heard.append(said.get()))
        before = said.set("here")
        done = self.receive("/file")
        said.reset(before)
        self.released()
        self.successResultOf(done)
        self.assertEqual(heard, ["here"])


class WayTests(SmallCase):
    """Which way a file goes."""

    def test_looked_first(self) -> None:
        """Of a body that isn't here none is asked for before a visit has found that it may come."""
        source = Source()
        done = self.receive("/file", source=source, length=4)
        self.assertIsNone(source.consumer)
        self.released()
        self.assertEqual((self.engine.counts.begun, self.engine.counts.receiving), (1, 1))
        source.send(b"da").send(b"ta").end()
        self.assertEqual(self.released(), 1)
        self.successResultOf(done)
        self.assertEqual(self.content(b"file"), b"data")

    def test_refused_first(self) -> None:
        """A body that isn't wanted isn't asked for, and neither begun nor failed."""
        source = Source()
        done = self.receive("/absent/file", source=source, length=4)
        self.released()
        self.failureResultOf(done, NoParent)
        self.assertIsNone(source.consumer)
        self.assertEqual((self.engine.counts.begun, self.engine.counts.failed), (0, 0))

    def test_broken_off(self) -> None:
        """A body that ends before its end leaves nothing, whichever way it ends."""
        for end in (Source.lose, Source.end):
            source = Source()
            done = self.receive("/file", source=source, length=4)
            self.released()
            end(source.send(b"da"))
            self.released()
            self.failureResultOf(done, BodyCut)
        self.assertEqual((self.names(), self.world.part_files(), self.engine.counts.failed), ([], [], 2))

    def test_leaves_in_the_middle(self) -> None:
        """Who leaves in the middle stops the body, and nothing stays."""
        source = Source()
        done = self.receive("/file", source=source, length=4)
        self.released()
        source.send(b"da")
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.assertTrue(source.stopped)
        self.released()
        self.assertEqual((self.names(), self.engine.counts.receiving), ([], 0))

    def test_stopping(self) -> None:
        """A stop cuts the body, and what is whole is stored."""
        source = Source()
        cut, whole = self.receive("/cut", source=source, length=4), self.receive("/whole")
        self.released()
        waiting = self.receive("/waiting")
        stopped = self.later(self.engine.stop())
        self.released()
        self.successResultOf(stopped)
        self.failureResultOf(cut, Stopping)
        self.successResultOf(whole)
        self.successResultOf(waiting)

    def test_large(self) -> None:
        """What is larger goes the ordinary way, and so does what doesn't say how large it is."""
        for data, length in ((b"x" * (SMALL + 1), SMALL + 1), (b"x", None)):
            done = self.receive("/file", data, here=False, length=length)
            self.assertGreaterEqual(self.released(), 3)
            self.successResultOf(done)
            self.assertEqual(self.content(b"file"), data)

    def test_here_without_a_length(self) -> None:
        """What is all here is as large as it is."""
        for data, visits in ((b"x" * SMALL, 1), (b"x" * (SMALL + 1), 3)):
            done = self.receive("/file", data, length=None)
            self.assertGreaterEqual(self.released(), visits)
            self.successResultOf(done)
            self.assertEqual(self.content(b"file"), data)

    def test_no_memory_left(self) -> None:
        """What is more than all small files may have together goes the ordinary way, until there is room again."""
        self.patch(smallfiles, "TOGETHER", 10)
        self.boot()
        slow = Source()
        first = self.receive("/slow", source=slow, length=8)
        self.released()
        second = self.receive("/second", b"data")
        self.assertEqual(self.released(), 3)
        self.successResultOf(second)
        slow.send(b"12345678").end()
        self.released()
        self.successResultOf(first)
        third = self.receive("/third", b"data")
        self.assertEqual(self.released(), 1)
        self.successResultOf(third)

    def test_other_disk(self) -> None:
        """Where the target is on a disk of its own, the file goes the ordinary way, here already or not."""
        os.mkdir(self.root + b"/mounted")
        mount_tmpfs(self, self.root + b"/mounted", "256k")
        for here, name in ((True, "here"), (False, "coming")):
            done = self.receive(f"/mounted/{name}", b"data", here=here)
            self.released()
            self.successResultOf(done)
            self.assertEqual(self.content(b"mounted/" + name.encode()), b"data")
        self.assertEqual(self.engine.counts.begun, 2)
        leaving = self.receive("/mounted/full", BAD)
        self.released()
        self.failureResultOf(leaving, NoSpace)
        self.assertEqual({*os.listdir(self.root + b"/mounted")}, {b"here", b"coming"})

    def test_bound(self) -> None:
        """Where only the rename finds out that there is no way, the file goes the ordinary way with its bytes."""
        real = os.link

        def link(source: Any, target: Any, **rest: Any) -> None:
            if target == b"file" and source.startswith(b"/proc/"):
                raise OSError(errno.EXDEV, "Invalid cross-device link")
            real(source, target, **rest)

        self.patch(os, "link", link)
        done = self.receive("/file", b"data")
        self.released()
        self.successResultOf(done)
        self.assertEqual((self.content(b"file"), self.world.part_files()), (b"data", []))
        self.assertEqual((self.engine.counts.begun, self.engine.counts.failed), (1, 0))


class NamedTests(CompanyTests):
    """The same where the file system has no files without names."""

    named = True

    def setUp(self) -> None:
        self.patch(nameless, "_work", lambda folder_fd, name: False)
        super().setUp()


class RightsTests(SmallCase):
    """What the files are."""

    def test_rights(self) -> None:
        """They may be read by whom the umask lets read them."""
        before = os.umask(0o027)
        self.addCleanup(os.umask, before)
        self.boot()
        done = self.receive("/file")
        self.released()
        self.successResultOf(done)
        self.assertEqual(os.stat(self.root + b"/file").st_mode & 0o777, 0o640)
        self.assertEqual(self.world.part_files(), [])

    def test_umask_forgotten(self) -> None:
        """A kernel that forgets the umask of files without names has its files made by names."""
        before = os.umask(0o077)
        self.addCleanup(os.umask, before)
        real = os.open

        def forgetful(path: Any, flags: int, mode: int = 0o777, **rest: Any) -> int:
            fd = real(path, flags, mode, **rest)
            if flags & os.O_TMPFILE == os.O_TMPFILE:
                os.fchmod(fd, 0o666)
            return fd

        self.patch(os, "open", forgetful)
        self.boot()
        done = self.receive("/file")
        self.released()
        self.successResultOf(done)
        self.assertEqual(os.stat(self.root + b"/file").st_mode & 0o777, 0o600)
