"""Rules of bytes that come with what they should add up to."""

import hashlib
import os
from typing import Any

from blake3 import blake3
from twisted.trial.unittest import SynchronousTestCase

from peerstor.errors import BadRequest, BodyCut, Busy, DigestMismatch, NoSpace, Stopping
from peerstor.tree.publish import Conflict
from peerstor.uploads import finishing
from peerstor.uploads.digests import ALGORITHMS, Checks, Digest
from peerstor.uploads.ledger import Ledger
from peerstor.uploads.parts import OpenPart
from tests.fakes import HeldThreads, ImmediateThreads
from tests.uploads.scaffold import Body, EngineCase, Source, key

LARGE = 300_000
"""Bytes that the sink doesn't keep to itself, but writes at once."""


def sha256(data: bytes) -> Digest:
    return Digest("sha-256", hashlib.sha256(data).digest())


def sha512(data: bytes) -> Digest:
    return Digest("sha-512", hashlib.sha512(data).digest())


def blake(data: bytes) -> Digest:
    return Digest("blake3", blake3(data).digest())


class DigestTests(SynchronousTestCase):
    def test_only_what_can_be(self) -> None:
        """A digest of an unknown algorithm, or of another length than its algorithm has, can't be made."""
        for algorithm, value in (
            ("md5", b"x" * 16),
            ("sha-256", b"x" * 31),
            ("sha-512", b"x" * 32),
            ("SHA-256", b"x" * 32),
        ):
            with self.assertRaises(ValueError):
                Digest(algorithm, value)

    def test_checks(self) -> None:
        """All that was said has to be true; the digest beside runs along."""
        for wrong in range(3):
            said = [sha256(b"ab"), sha512(b"ab"), blake(b"ab")]
            for checks, true in (
                (Checks(said), True),
                (Checks([*said[:wrong], sha256(b"ac"), *said[wrong:]]), False),
            ):
                checks.beside = blake3()
                checks.update(b"a")
                checks.update(memoryview(b"b"))
                self.assertEqual(checks.hold, true)
                self.assertEqual(checks.beside.digest(), blake3(b"ab").digest())
        self.assertEqual(str(sha256(b"")), f"sha-256:{hashlib.sha256().hexdigest()}")


class ChunkTests(EngineCase):
    def part_size(self) -> int:
        return len(self.part())

    def reading(self, data: bytes, offset: int, **more: Any) -> Any:
        return self.engine.append(
            key(), offset=offset, source=Body(data, cut=more.pop("cut", False)), length=len(data), **more
        )

    def test_true(self) -> None:
        """A chunk that is what it should be counts, and the file's own digest has it."""
        self.append(b"hello")
        for size, piece in ((LARGE, b"x" * LARGE), (0, b""), (3, b"end")):
            before = self.offset()
            self.assertEqual(self.append(piece, before, digests=[sha256(piece), sha512(piece)]), before + size)
        whole = b"hello" + b"x" * LARGE + b"end"
        self.assertEqual(self.complete(len(whole)).digest, blake3(whole).hexdigest())
        self.assertEqual(self.content(), whole)

    def test_false(self) -> None:
        """A chunk that is something else leaves the upload where it was: no byte of it stays."""
        self.append(b"hello")
        for said in ([sha256(b"other")], [sha256(b"x" * LARGE), sha512(b"other")]):
            fault = self.fault(DigestMismatch, self.reading(b"x" * LARGE, 5, digests=said))
            self.assertEqual(fault.offset, 5)
            self.assertEqual((self.offset(), self.part()), (5, b"hello"))
        self.assertEqual(self.append(b" world", 5, digests=[sha256(b" world")]), 11)
        self.assertEqual(self.complete(11).digest, blake3(b"hello world").hexdigest())

    def test_first_chunk(self) -> None:
        """The same holds for the first chunk of all."""
        self.fault(DigestMismatch, self.reading(b"x" * LARGE, 0, digests=[sha256(b"other")]))
        self.assertEqual((self.offset(), self.part()), (0, b""))

    def test_cut(self) -> None:
        """Of a chunk that broke off nothing is kept, since nothing tells whether it is right."""
        self.append(b"hello")
        self.fault(BodyCut, self.reading(b"x" * LARGE, 5, cut=True, digests=[sha256(b"x" * LARGE)]))
        self.assertEqual((self.offset(), self.part()), (5, b"hello"))

    def begin(self, offset: int = 5, **more: Any) -> tuple[Source, Any]:
        source, said = Source(), [sha256(b"x" * LARGE)]
        append = self.engine.append(key(), offset=offset, source=source, length=None, digests=said, **more)
        return source, self.later(append)

    def test_offset_meanwhile(self) -> None:
        """While it is under way none of it counts, whoever asks."""
        self.append(b"hello")
        source, first = self.begin()
        source.send(b"x" * LARGE)
        self.assertEqual(self.part_size(), 5 + LARGE)
        self.assertEqual(self.offset(), 5)
        self.assertEqual(self.fault(Busy, self.reading(b"y", 5)).offset, 5)
        source.end()
        self.assertEqual(self.successResultOf(first), 5 + LARGE)
        self.assertEqual(self.offset(), 5 + LARGE)

    def test_taken_over(self) -> None:
        """Whoever takes its place goes on where it began."""
        self.append(b"hello")
        source, first = self.begin(session="mine")
        source.send(b"x" * LARGE)
        self.assertEqual(self.append(b" world", 5, session="mine"), 11)
        self.assertEqual(self.failureResultOf(first, Busy).value.offset, 5)
        self.assertEqual(self.part(), b"hello world")

    def test_killed(self) -> None:
        """A process that is killed in the middle of it leaves nothing of it that counts."""
        self.append(b"hello")
        source, _ = self.begin()
        source.send(b"x" * LARGE)
        self.assertEqual(self.part_size(), 5 + LARGE)
        self.boot()
        self.assertEqual((self.offset(), self.part()), (5, b"hello"))
        self.append(b" world", 5)
        self.boot()
        self.assertEqual(self.offset(), 11)

    def test_killed_after_it(self) -> None:
        """What was acknowledged with a digest survives, and so does what came without one after it."""
        for more in ({"digests": [sha256(b"hello")]}, {}, {"digests": [sha256(b"hello")]}):
            before = self.offset()
            self.append(b"hello", before, **more)
            self.boot()
            self.assertEqual(self.offset(), before + 5)
        self.append(b"hello", 15, digests=[sha256(b"hello")])
        source, _ = self.begin(20)
        source.send(b"x" * LARGE)
        self.boot(boot_id="another")
        self.assertLessEqual(self.offset(), 20)

    def test_not_synced_before_it_counts(self) -> None:
        """The synced mark, which tells after a power failure, stays before it until it counts, and then follows."""
        self.append(b"hello")
        source, first = self.begin()
        source.send(b"x" * LARGE)
        self.world.clock.pump([1.0, 1.0, 1.0])
        self.assertEqual(self.world.ledger.find(key()).synced, 5)
        source.end()
        self.successResultOf(first)
        self.world.clock.pump([1.0, 1.0])
        self.assertEqual(self.world.ledger.find(key()).synced, 5 + LARGE)

    def test_disk_that_does_not_take_it_back(self) -> None:
        """Where the file can't be cut back at once, whoever loads it next cuts it."""
        self.append(b"hello")
        real = OpenPart.truncate
        self.patch(OpenPart, "truncate", lambda part, size: os.ftruncate(-1, size))
        self.fault(DigestMismatch, self.reading(b"x" * LARGE, 5, digests=[sha256(b"")]))
        self.patch(OpenPart, "truncate", real)
        self.assertEqual((self.offset(), self.part()), (5, b"hello"))

    def test_ledger_that_does_not_take_it(self) -> None:
        """Where the ledger can't say that it counts, it doesn't; nor is anything written that it can't rule out."""
        self.append(b"hello")
        real, calls = Ledger.count, []

        def count(ledger: Ledger, record_id: str, counted: int | None) -> None:
            calls.append(counted)
            if len(calls) > allowed:
                raise NoSpace()
            real(ledger, record_id, counted)

        self.patch(Ledger, "count", count)
        for allowed in (0, 1):
            calls.clear()
            body = Body(b"x" * LARGE)
            append = self.engine.append(key(), offset=5, source=body, length=LARGE, digests=[sha256(b"x" * LARGE)])
            self.fault(NoSpace, append)
            self.assertEqual((body.asked, self.offset(), self.part()), (allowed == 1, 5, b"hello"))
            allowed = 9
        self.assertEqual(self.append(b" world", 5), 11)
        self.boot()
        self.assertEqual(self.offset(), 11)


class ReadsCase(EngineCase):
    """Counts how often a part file is read."""

    def setUp(self) -> None:
        super().setUp()
        self.reads = 0
        real = OpenPart.read

        def read(part: OpenPart, buffer: bytearray, position: int) -> int:
            self.reads += 1
            return real(part, buffer, position)

        self.patch(OpenPart, "read", read)


class CompleteTests(ReadsCase):
    def test_true(self) -> None:
        """A file that is what it should be is published; it is read for that only where it must be."""
        for said, reads in ((None, 0), (blake(b"hello"), 0), (sha256(b"hello"), 1), (sha512(b"hello"), 1)):
            self.append(b"hello")
            self.reads = 0
            self.complete(5, digest=said)
            self.assertEqual(self.reads, reads, said)

    def test_false(self) -> None:
        """A file that is something else is not published, and the upload stays as it is."""
        self.append(b"hello")
        for said in (sha256(b"world"), sha512(b"world"), blake(b"world")):
            self.assertEqual(self.fault(DigestMismatch, self.completing(5, digest=said)).offset, 5)
        self.assertEqual((self.names(), self.offset()), ([], 5))
        self.assertEqual(self.complete(5, digest=sha256(b"hello")).size, 5)

    def test_after_a_restart(self) -> None:
        """After a restart the file is read once for all its digests."""
        self.append(b"hello")
        self.boot()
        self.fault(DigestMismatch, self.completing(5, digest=blake(b"world")))
        self.assertEqual(self.reads, 1)
        self.complete(5, digest=blake(b"hello"))
        self.assertEqual(self.reads, 1)
        self.append(b"again")
        self.boot()
        self.reads = 0
        self.assertEqual(self.complete(5, digest=sha256(b"again")).digest, blake3(b"again").hexdigest())
        self.assertEqual(self.reads, 1)

    def test_empty(self) -> None:
        """Where a file of no bytes should have had some, nothing is left of it."""
        self.fault(DigestMismatch, self.completing(0, digest=sha256(b"x")))
        self.assertEqual((self.names(), self.world.part_files()), ([], []))
        self.complete(0, digest=sha256(b""))
        self.assertEqual(self.names(), [b"file.bin"])

    def test_repeated(self) -> None:
        """A repeat is held against what was known when the file was published, also after a restart."""
        self.append(b"hello")
        first = self.complete(5, digest=sha256(b"hello"))
        for _ in range(2):
            for same in (None, sha256(b"hello"), blake(b"hello")):
                self.assertEqual(self.complete(5, digest=same), first)
            for other in (sha256(b"world"), blake(b"world")):
                self.assertIsNone(self.fault(DigestMismatch, self.completing(5, digest=other)).offset)
            self.fault(BadRequest, self.completing(5, digest=sha512(b"hello")))
            self.boot()
        self.assertEqual(self.names(), [b"file.bin"])


class SlowDiskTests(ReadsCase):
    """While the digest of a loaded upload is made."""

    def setUp(self) -> None:
        super().setUp()
        self.append(b"hello")
        self.threads = HeldThreads()
        self.boot(threads=self.threads, ledger_threads=ImmediateThreads())

    def now(self, work: Any) -> Any:
        """Do something, letting the threads run."""
        waiting = self.later(work)
        if hasattr(self, "threads"):
            self.threads.release_all()
        return self.successResultOf(waiting)

    def begin(self) -> Any:
        """Have the digest made, as far as asking a thread for it."""
        waiting = self.later(self.completing(5, digest=sha256(b"hello")))
        self.threads.release()
        self.assertEqual((self.reads, len(self.threads.waiting)), (0, 1))
        return waiting

    def test_client_leaves(self) -> None:
        """A client that leaves changes nothing: the file is read in a thread and published."""
        waiting = self.begin()
        waiting.cancel()
        self.failureResultOf(waiting)
        self.threads.release_all()
        self.assertEqual((self.reads, self.names()), (1, [b"file.bin"]))

    def test_stopping(self) -> None:
        """A server that stops doesn't wait for all of it; the upload is kept."""
        self.patch(finishing, "SLICE", 2)
        waiting = self.begin()
        stopped = self.later(self.engine.stop())
        self.threads.release_all()
        self.failureResultOf(waiting, Stopping)
        self.successResultOf(stopped)
        self.assertEqual(self.reads, 1)
        del self.threads
        self.boot()
        self.assertEqual(self.offset(), 5)


class ReceiveTests(EngineCase):
    def receive(self, data: bytes, *said: Digest) -> Any:
        return self.engine.receive(
            key().target,
            source=Body(data),
            length=len(data),
            conflict=Conflict.RENAME,
            may_replace=False,
            by="guest",
            digests=said,
        )

    def test_whole(self) -> None:
        """A file that comes at once is published when it is what it should be; else nothing is left of it."""
        self.fault(DigestMismatch, self.receive(b"hello", sha256(b"hello"), sha512(b"world")))
        self.assertEqual((self.names(), self.world.part_files(), self.world.heard.told), ([], [], []))
        done = self.now(self.receive(b"hello", sha256(b"hello"), sha512(b"hello")))
        self.assertEqual((done.digest, self.content()), (blake3(b"hello").hexdigest(), b"hello"))


class SupportedTests(SynchronousTestCase):
    def test_empty(self) -> None:
        """Each algorithm agrees with a known result for no bytes."""
        known = {"sha-256": "e3b0c442", "sha-512": "cf83e135", "blake3": "af1349b9"}
        self.assertEqual({name: make().digest().hex()[:8] for name, make in ALGORITHMS.items()}, known)
