"""The verbs of uploading, on real folders."""

import errno
import os
import shutil
from collections.abc import Coroutine
from typing import Any

from blake3 import blake3
from twisted.internet.defer import CancelledError

from peerstor.errors import (
    BadName,
    BadRequest,
    BodyCut,
    Busy,
    Exists,
    Forbidden,
    NoParent,
    NoSpace,
    NoSuchUpload,
    NotFound,
    OffsetMismatch,
    OtherUpload,
    Stopping,
    StorageUnavailable,
    TooLarge,
)
from peerstor.tree.publish import Conflict
from peerstor.uploads import finishing
from peerstor.uploads.parts import OpenPart
from peerstor.uploads.records import Completed
from tests.fakes import HeldThreads, ImmediateThreads
from tests.uploads.scaffold import Body, EngineCase, SmallDisk, Source, key


def silent(_: object) -> int:
    """Stands for a disk that doesn't even tell what is left."""
    raise OSError(errno.EIO, "the question")


def descriptors() -> int:
    """How many files this process has open."""
    return len(os.listdir("/dev/fd"))


class ResumableTests(EngineCase):
    """Pieces of a file."""

    def test_pieces_become_the_file(self) -> None:
        """What was appended piece by piece is published whole, with its digest, and the listeners hear of it."""
        self.assertEqual(self.offset(), 0)
        self.assertEqual(self.append(b"hello "), 6)
        self.assertEqual(self.offset(), 6)
        self.assertEqual(self.append(b"world", 6), 11)
        self.assertEqual(self.names(), [])
        done = self.complete(11)
        self.assertEqual(self.content(), b"hello world")
        self.assertEqual((done.path.joined, done.size, done.replaced), (b"file.bin", 11, False))
        self.assertEqual(done.digest, blake3(b"hello world").hexdigest())
        self.assertEqual(self.world.heard.told, [(b"file.bin", 11, "guest", False)])
        self.assertEqual(self.world.part_files(), [])

    def test_wrong_offset(self) -> None:
        """An append at another offset than the present one is refused before the body, and changes nothing."""
        self.append(b"hello")
        for wrong in (0, 4, 6):
            body = Body(b"x")
            fault = self.fault(OffsetMismatch, self.engine.append(key(), offset=wrong, source=body, length=1))
            self.assertEqual(fault.offset, 5)
            self.assertFalse(body.asked)
        self.assertEqual(self.part(), b"hello")

    def test_wrong_offset_of_nothing(self) -> None:
        """Where there is no upload, only offset 0 is right, and nothing is begun by a wrong one."""
        fault = self.fault(OffsetMismatch, self.engine.append(key(), offset=3, source=Body(b"x"), length=1))
        self.assertEqual(fault.offset, 0)
        self.assertEqual(self.world.part_files(), [])

    def test_cut_body_is_kept(self) -> None:
        """A body that ends before its end keeps what arrived: the next offset counts it."""
        cut = Body(b"hello wor", cut=True)
        self.fault(BodyCut, self.engine.append(key(), offset=0, source=cut, length=11))
        self.assertEqual(self.offset(), 9)
        self.append(b"ld", 9)
        self.complete(11)
        self.assertEqual(self.content(), b"hello world")

    def test_shorter_than_its_length(self) -> None:
        """A body that ends in good order but short of the length that was told is cut all the same."""
        self.fault(BodyCut, self.engine.append(key(), offset=0, source=Body(b"abc"), length=4))
        self.assertEqual(self.offset(), 3)

    def test_complete_with_wrong_size(self) -> None:
        """Completing at another size than the offset is refused with the offset, and loses nothing."""
        self.append(b"hello")
        self.assertEqual(self.fault(OffsetMismatch, self.completing(6)).offset, 5)
        self.assertEqual(self.fault(OffsetMismatch, self.completing(0)).offset, 5)
        self.complete(5)
        self.assertEqual(self.content(), b"hello")

    def test_complete_nothing(self) -> None:
        """There must be an upload to complete."""
        self.fault(NoSuchUpload, self.completing(5))
        self.assertEqual(self.world.part_files(), [])

    def test_empty_file(self) -> None:
        """A file without bytes needs no chunk; an empty chunk does no harm."""
        self.complete(0)
        self.assertEqual(self.content(), b"")
        self.append(b"", key=key(b"other"))
        self.complete(0, key=key(b"other"))
        self.assertEqual(self.content(b"other"), b"")

    def test_repeated_complete(self) -> None:
        """A repeat of complete tells the same and publishes nothing, also after a restart."""
        for session in (None, "s"):
            self.append(b"hello", session=session)
            first = self.complete(5, session=session)
            self.assertEqual(self.complete(5, session=session), first)
            self.boot()
            self.assertEqual(self.complete(5, session=session), first)
            self.assertEqual(self.names(), [b"file.bin"])
            self.assertEqual(self.offset(), 0)
            self.assertEqual(self.fault(OffsetMismatch, self.completing(6)).offset, 0)
            os.unlink(self.root + b"/file.bin")

    def test_repeated_of_a_file_that_has_gone(self) -> None:
        """Whoever shows that it was its own is told the same wherever it is now; nobody else is told that it is there."""
        self.append(b"hello", session="s")
        first = self.complete(5, session="s")
        os.rename(self.root + b"/file.bin", self.root + b"/moved.bin")
        for _ in range(2):
            self.assertEqual(self.complete(5, session="s"), first)
            self.assertEqual(self.fault(OffsetMismatch, self.completing(5)).offset, 0)
            self.boot()
        with open(self.root + b"/file.bin", "wb") as file:
            file.write(b"another")
        self.assertEqual(self.fault(OffsetMismatch, self.completing(5)).offset, 0)
        os.unlink(self.root + b"/file.bin")
        os.mkdir(self.root + b"/file.bin")
        self.assertEqual(self.fault(OffsetMismatch, self.completing(5)).offset, 0)
        os.rmdir(self.root + b"/file.bin")
        self.append(b"again")
        self.complete(5)
        self.assertEqual(self.content(), b"again")

    def test_repeated_after_its_folder(self) -> None:
        """Where the folder has gone as well, that is what others are told."""
        os.mkdir(self.root + b"/sub")
        where = key(folder=b"sub")
        first = self.complete(0, key=where, session="s")
        shutil.rmtree(self.root + b"/sub")
        self.assertEqual(self.complete(0, key=where, session="s"), first)
        self.fault(NoParent, self.completing(0, key=where))

    def test_another_session(self) -> None:
        """Another client's complete is no repeat: an empty file is stored once more, others are at byte 0."""
        self.complete(0, session="a")
        self.assertEqual(self.complete(0, session="b").path.name, b"file (2).bin")
        self.append(b"hello", key=key(b"other"))
        self.complete(5, key=key(b"other"))
        self.assertEqual(self.fault(OffsetMismatch, self.completing(5, key=key(b"other"), session="b")).offset, 0)

    def test_empty_file_that_has_gone(self) -> None:
        """An empty file that was deleted is stored again."""
        for _ in range(2):
            self.complete(0)
            self.complete(0)
            self.assertEqual(self.names(), [b"file.bin"])
            os.unlink(self.root + b"/file.bin")

    def test_repeated_after_take_over(self) -> None:
        """Whoever has gone on with another's upload, and published it, may ask again how."""
        self.append(b"hel", session="a")
        self.world.clock.advance(1.1)
        self.append(b"lo", offset=3, session="b")
        first = self.complete(5, session="b")
        self.assertEqual(self.complete(5, session="b"), first)
        self.boot()
        self.assertEqual(self.complete(5, session="b"), first)
        self.assertEqual(self.names(), [b"file.bin"])

    def test_mark_after_take_over(self) -> None:
        """What was on the disk before another client came still counts as that."""
        self.append(b"hel", session="a")
        self.world.clock.advance(1.1)
        self.append(b"", offset=3, session="b")
        self.boot(boot_id="another")
        self.assertEqual(self.offset(), 3)

    def test_repeat_is_forgotten_after_a_day(self) -> None:
        """The same answer is given for 24 hours, not longer."""
        self.append(b"hello")
        self.complete(5)
        self.world.now += 24 * 3600 - 1
        self.complete(5)
        self.world.now += 2
        self.fault(NoSuchUpload, self.completing(5))

    def test_new_upload_of_a_published_name(self) -> None:
        """A chunk at offset 0 of a name that was published begins a new upload."""
        self.append(b"old")
        self.complete(3)
        self.assertEqual(self.append(b"newer"), 5)
        self.assertEqual(self.fault(OffsetMismatch, self.completing(3)).offset, 5)
        self.assertEqual(self.complete(5).path.joined, b"file (2).bin")
        self.assertEqual(self.content(), b"old")

    def test_conflicts(self) -> None:
        """A taken name gives another name, a replacement or a refusal, as asked; a refused upload is kept."""
        self.append(b"one")
        self.complete(3)
        self.append(b"two")
        self.fault(Exists, self.completing(3, conflict=Conflict.REFUSE))
        self.fault(Forbidden, self.completing(3, conflict=Conflict.REPLACE))
        self.assertEqual(self.content(), b"one")
        done = self.complete(3, conflict=Conflict.REPLACE, may_replace=True)
        self.assertTrue(done.replaced)
        self.assertEqual(self.content(), b"two")

    def test_refused_empty_file_leaves_nothing(self) -> None:
        """A file without bytes whose name is refused leaves no upload behind."""
        self.append(b"one")
        self.complete(3)
        self.world.now += 2 * 24 * 3600
        self.fault(Exists, self.completing(0, conflict=Conflict.REFUSE))
        self.assertEqual(self.world.part_files(), [])

    def test_abandon(self) -> None:
        """Abandoning drops the part and the row, and says whether there was one."""
        self.assertFalse(self.now(self.engine.abandon(key())))
        self.append(b"hello")
        self.assertTrue(self.now(self.engine.abandon(key())))
        self.assertEqual(self.offset(), 0)
        self.assertEqual(self.world.part_files(), [])
        self.append(b"hello")
        self.complete(5)
        self.assertFalse(self.now(self.engine.abandon(key())))
        self.assertEqual(self.content(), b"hello")

    def test_uploads_are_apart(self) -> None:
        """An upload belongs to its principal, folder and name."""
        os.mkdir(self.root + b"/sub")
        keys = [key(), key(principal="ann"), key(folder=b"sub"), key(b"other.bin")]
        for number, one in enumerate(keys):
            self.append(b"x" * (number + 1), key=one)
        self.assertEqual([self.offset(key=one) for one in keys], [1, 2, 3, 4])
        self.complete(3, key=keys[2])
        self.assertEqual(self.content(b"sub/file.bin"), b"xxx")


class OtherFileTests(EngineCase):
    """This week's report is not last week's."""

    def test_other_fingerprint_or_size(self) -> None:
        """A call that states another size or fingerprint is told how far the other upload is, and its age."""
        self.append(b"hello", size=10, fingerprint="a")
        self.world.now += 60
        for other in ({"size": 11}, {"fingerprint": "b"}, {"size": 11, "fingerprint": "a"}):
            fault = self.fault(OtherUpload, self.engine.offset(key(), **other))
            self.assertEqual((fault.offset, fault.age), (5, 60))
            self.fault(OtherUpload, self.engine.append(key(), offset=0, source=Body(b"x"), length=1, **other))
        self.fault(OtherUpload, self.completing(5, fingerprint="b"))
        self.assertEqual(self.offset(size=10, fingerprint="a"), 5)
        self.assertEqual(self.offset(), 5)

    def test_remembered_after_restart(self) -> None:
        """What was stated at the beginning outlives the process."""
        self.append(b"hello", size=10, fingerprint="a")
        self.boot()
        self.fault(OtherUpload, self.engine.offset(key(), fingerprint="b"))
        self.assertEqual(self.offset(size=10, fingerprint="a"), 5)

    def test_unknown_fingerprint(self) -> None:
        """An upload begun without a fingerprint is not continued by a call that states one."""
        self.append(b"hello")
        self.fault(OtherUpload, self.engine.offset(key(), fingerprint="a"))

    def test_size_learnt_later(self) -> None:
        """A size stated later is remembered, unless more has arrived already."""
        self.append(b"hello")
        self.fault(OtherUpload, self.engine.offset(key(), size=4))
        self.append(b"!", 5, size=7)
        self.boot()
        self.fault(OtherUpload, self.engine.offset(key(), size=8))

    def test_nothing_arrived_is_nobodys(self) -> None:
        """An upload without a byte is taken over by whoever states something else."""
        self.fault(
            BodyCut,
            self.engine.append(key(), offset=0, source=Body(b"", cut=True), length=5, size=5, fingerprint="a"),
        )
        self.append(b"hello!", size=6, fingerprint="b")
        self.complete(6, fingerprint="b")
        self.assertEqual(self.content(), b"hello!")

    def test_truncated_completion(self) -> None:
        """An upload that stated a size is not published at another one."""
        self.append(b"hello", size=10)
        self.fault(OtherUpload, self.completing(5))

    def test_done_with_another_fingerprint(self) -> None:
        """A complete with another fingerprint than the published one's isn't a repeat."""
        self.append(b"hello", fingerprint="a")
        self.complete(5, fingerprint="a")
        self.assertEqual(self.fault(OffsetMismatch, self.completing(5, fingerprint="b")).offset, 0)


class RefusalTests(EngineCase):
    """What is refused, is refused before the body."""

    def refused(self, kind: type[Exception], **more: object) -> Exception:
        body = Body(b"x" * 100)
        where = more.pop("key", key())
        more = {"offset": 0, "length": 100, **more}
        fault = self.fault(kind, self.engine.append(where, source=body, **more))
        self.assertFalse(body.asked)
        self.assertEqual(self.world.part_files(), [])
        return fault

    def test_names_and_folders(self) -> None:
        """Names that can't be given, private folders and absent folders are refused."""
        self.refused(BadName, key=key(b"a\nb"))
        self.refused(BadName, key=key(b".peerstor-x"))
        self.refused(NotFound, key=key(folder=b".peerstor/parts"))
        self.refused(NotFound, key=key(folder=b"a/.PeerStor"))
        self.refused(NoParent, key=key(folder=b"absent"))
        self.fault(NotFound, self.engine.offset(key(folder=b".peerstor")))

    def test_folder_that_leads_out(self) -> None:
        """A folder behind a link that leaves the storage is absent."""
        os.mkdir(self.base + b"/outside")
        os.symlink(self.base + b"/outside", self.root + b"/out")
        self.refused(NoParent, key=key(folder=b"out"))

    def test_too_large(self) -> None:
        """More than the stated size, or than is taken at all, is refused by its length."""
        self.assertEqual(self.refused(TooLarge, size=99).limit, 99)
        self.boot(max_upload=50)
        self.assertEqual(self.refused(TooLarge).limit, 50)
        self.assertEqual(self.refused(TooLarge, size=100, length=None).limit, 50)

    def test_too_large_without_length(self) -> None:
        """Where no length is told, not a byte past the limit is written."""
        self.fault(
            TooLarge, self.engine.append(key(), offset=0, source=Body(b"x" * 20, piece=7), length=None, size=10)
        )
        self.assertEqual(self.part(), b"x" * 10)
        self.assertEqual(self.offset(), 10)

    def test_no_room_for_the_declared_size(self) -> None:
        """A size or length that the disk can't hold is refused with what is free."""
        fault = self.refused(NoSpace, size=1 << 60)
        self.assertGreater(fault.free, 0)
        self.refused(NoSpace, length=1 << 60)

    def test_folder_vanished_in_between(self) -> None:
        """Where the folder has gone since, the upload waits: nothing is lost, and it can be abandoned."""
        os.mkdir(self.root + b"/sub")
        where = key(folder=b"sub")
        self.append(b"hello", key=where)
        os.rmdir(self.root + b"/sub")
        self.fault(NoParent, self.engine.append(where, offset=5, source=Body(b"x"), length=1))
        self.fault(NoParent, self.completing(5, key=where))
        self.assertEqual(self.offset(key=where), 5)
        os.mkdir(self.root + b"/sub")
        self.complete(5, key=where)
        self.assertEqual(self.content(b"sub/file.bin"), b"hello")


class WritersTests(EngineCase):
    """One writer at a time."""

    def begin(self, **more: object) -> tuple[Source, object]:
        source = Source()
        waiting = self.later(self.engine.append(key(), **{"offset": 0, "source": source, "length": None, **more}))
        return source, waiting

    def test_busy(self) -> None:
        """While a writer makes progress, others are refused at once and don't disturb it; offset answers."""
        source, first = self.begin()
        source.send(b"hello")
        self.world.clock.advance(1.9)
        fault = self.fault(Busy, self.engine.append(key(), offset=5, source=Body(b"x"), length=1))
        self.assertEqual(fault.offset, 5)
        self.fault(Busy, self.completing(5))
        self.fault(Busy, self.engine.abandon(key()))
        self.assertEqual(self.offset(), 5)
        source.send(b" world").end()
        self.assertEqual(self.successResultOf(first), 11)

    def test_stale_writer_gives_way(self) -> None:
        """A writer that has been silent for two seconds loses its place; its bytes come first."""
        source, first = self.begin()
        source.send(b"hello")
        self.world.clock.advance(2.0)
        self.assertEqual(self.append(b" world", 5), 11)
        self.failureResultOf(first, Busy)
        self.assertTrue(source.stopped)
        self.complete(11)
        self.assertEqual(self.content(), b"hello world")

    def test_stale_writer_gives_way_to_complete(self) -> None:
        """Completing counts as a new request too."""
        source, first = self.begin()
        source.send(b"hello")
        self.world.clock.advance(2.0)
        self.complete(5)
        self.failureResultOf(first, Busy)
        self.assertEqual(self.content(), b"hello")

    def test_late_bytes_of_the_old_writer(self) -> None:
        """What the old writer's connection still delivers goes nowhere."""
        source, first = self.begin()
        source.send(b"hello")
        self.world.clock.advance(2.0)
        new, second = self.begin(offset=5)
        source.send(b"GARBAGE")
        new.send(b" world").end()
        self.assertEqual(self.successResultOf(second), 11)
        self.failureResultOf(first, Busy)
        self.assertEqual(self.part(), b"hello world")

    def test_progress_keeps_the_place(self) -> None:
        """Two seconds count from the last byte, not from the beginning."""
        source, first = self.begin()
        for _ in range(5):
            source.send(b"x")
            self.world.clock.advance(1.5)
        self.fault(Busy, self.engine.append(key(), offset=5, source=Body(b"y"), length=1))
        source.end()
        self.assertEqual(self.successResultOf(first), 5)

    def test_same_session(self) -> None:
        """A client that names its session takes its own older connection over at once."""
        source, first = self.begin(session="s")
        source.send(b"hello")
        self.world.clock.advance(0.5)
        self.fault(Busy, self.engine.append(key(), offset=5, source=Body(b"x"), length=1, session="t"))
        self.assertEqual(self.append(b"!", 5, session="s"), 6)
        self.failureResultOf(first, Busy)

    def test_same_session_abandons(self) -> None:
        """It may also drop what its older connection still writes; another session may not."""
        source, first = self.begin(session="s")
        source.send(b"hello")
        self.fault(Busy, self.engine.abandon(key(), session="t"))
        self.assertTrue(self.now(self.engine.abandon(key(), session="s")))
        self.failureResultOf(first, Busy)
        self.assertEqual(self.world.part_files(), [])

    def test_odd_session(self) -> None:
        """A session is text of bounded length; an empty one would be everybody's."""
        for odd in ("", "s" * 1025, "\udc80"):
            self.fault(BadRequest, self.engine.offset(key(), session=odd))
            self.fault(BadRequest, self.engine.append(key(), offset=0, source=Body(b"x"), length=1, session=odd))
            self.fault(BadRequest, self.completing(0, session=odd))
            self.fault(BadRequest, self.engine.abandon(key(), session=odd))

    def test_client_leaves(self) -> None:
        """When the handler is cancelled, the prefix is still written and recorded, and the place is free once."""
        source, first = self.begin()
        source.send(b"hello")
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertTrue(source.stopped)
        source.lose()
        self.assertEqual(self.offset(), 5)
        self.assertEqual(self.append(b" world", 5), 11)

    def test_client_leaves_source_fails_first(self) -> None:
        """The order in which the body and the handler learn of the loss doesn't matter."""
        source, first = self.begin()
        source.send(b"hello")
        source.lose()
        self.failureResultOf(first, BodyCut)
        first.cancel()
        self.assertEqual(self.append(b" world", 5), 11)


class SlowDiskTests(EngineCase):
    """What happens while the disk works."""

    def setUp(self) -> None:
        super().setUp()
        self.threads = HeldThreads()
        self.boot(threads=self.threads, ledger_threads=ImmediateThreads())

    def now(self, work):
        """Do something, letting the threads run."""
        waiting = self.later(work)
        if hasattr(self, "threads"):
            self.threads.release_all()
        return self.successResultOf(waiting)

    def begin(self) -> tuple[Source, object]:
        source = Source()
        waiting = self.later(self.engine.append(key(), offset=0, source=source, length=None))
        self.threads.release_all()
        return source, waiting

    def test_left_while_writing(self) -> None:
        """A client that leaves while its bytes are being written: the next call waits for them and counts them."""
        source, first = self.begin()
        source.send(b"x" * 300_000)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        asked = self.later(self.engine.offset(key()))
        self.assertNoResult(asked)
        self.threads.release_all()
        self.assertEqual(self.successResultOf(asked), 300_000)

    def test_asked_while_it_is_loaded(self) -> None:
        """While one call still loads an upload, another is told its true offset, not that of nothing."""
        source, first = self.begin()
        source.send(b"hello")
        source.end()
        self.threads.release_all()
        self.assertEqual(self.successResultOf(first), 5)
        self.boot(threads=self.threads, ledger_threads=ImmediateThreads())
        loading = self.later(self.engine.append(key(), offset=5, source=Source(), length=None))
        asked = self.later(self.engine.offset(key()))
        other = self.later(self.engine.offset(key(), fingerprint="another"))
        second = self.later(self.engine.append(key(), offset=5, source=Source(), length=None))
        for waiting in (asked, other, second):
            self.assertNoResult(waiting)
        self.threads.release_all()
        self.assertEqual(self.successResultOf(asked), 5)
        self.assertEqual(self.failureResultOf(other, OtherUpload).value.offset, 5)
        self.assertEqual(self.failureResultOf(second, Busy).value.offset, 5)
        loading.cancel()
        self.failureResultOf(loading, CancelledError)
        self.threads.release_all()

    def test_left_before_the_body(self) -> None:
        """A client that leaves while the checks run has its body asked for nothing."""
        source = Source()
        waiting = self.later(self.engine.append(key(), offset=0, source=source, length=None))
        waiting.cancel()
        self.threads.release_all()
        self.failureResultOf(waiting, CancelledError)
        self.assertIsNone(source.consumer)
        self.assertEqual(self.now(self.engine.offset(key())), 0)

    def test_waiting_for_the_disk_is_not_silence(self) -> None:
        """A writer whose bytes wait for a slow disk is not stale."""
        source, first = self.begin()
        source.send(b"x" * 300_000)
        self.world.clock.advance(10)
        waiting = self.later(self.engine.append(key(), offset=0, source=Body(b"x"), length=1))
        self.failureResultOf(waiting, Busy)
        self.threads.release_all()
        source.end()
        self.assertEqual(self.successResultOf(first), 300_000)

    def test_only_one_successor(self) -> None:
        """Of two that wait for a stale writer's bytes, the first takes its place and the second is refused."""
        source, first = self.begin()
        source.send(b"hello")
        self.world.clock.advance(0.5)
        self.threads.release_all()
        self.world.clock.advance(2)
        next_source, third_source = Source(), Source()
        second = self.later(self.engine.append(key(), offset=5, source=next_source, length=None))
        third = self.later(self.engine.append(key(), offset=5, source=third_source, length=None))
        self.threads.release_all()
        self.failureResultOf(first, Busy)
        self.failureResultOf(third, Busy)
        next_source.send(b"!")
        next_source.end()
        self.threads.release_all()
        self.assertEqual(self.successResultOf(second), 6)

    def test_same_session_waits_for_what_it_began(self) -> None:
        """A repeat of the same session while the first is still being published waits for it, and is told the same."""
        self.now(self.engine.append(key(), offset=0, source=Body(b"hello"), length=5))
        first = self.later(self.completing(5, session="s"))
        self.threads.release()
        self.failureResultOf(self.later(self.completing(5, session="t")), Busy)
        again = self.later(self.completing(5, session="s"))
        self.threads.release_all()
        self.assertEqual(self.successResultOf(first), self.successResultOf(again))
        self.assertEqual(self.names(), [b"file.bin"])

    def test_completing_goes_on_without_its_client(self) -> None:
        """A complete whose client leaves still publishes, and the repeat gets the answer."""
        source, first = self.begin()
        source.send(b"hello").end()
        self.threads.release_all()
        self.successResultOf(first)
        waiting = self.later(self.completing(5))
        self.threads.release()
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.threads.release_all()
        self.assertEqual(self.content(), b"hello")
        self.assertEqual(self.complete(5).path.joined, b"file.bin")
        self.assertEqual(self.names(), [b"file.bin"])

    def test_stop(self) -> None:
        """Stopping cuts what runs, keeps and records what arrived, and refuses what comes then."""
        source, first = self.begin()
        source.send(b"x" * 300_000).send(b"y")
        stopped = self.later(self.engine.stop())
        self.assertTrue(source.stopped)
        self.assertNoResult(stopped)
        self.threads.release_all()
        self.successResultOf(stopped)
        self.failureResultOf(first, Stopping)
        self.failureResultOf(self.later(self.engine.offset(key())), Stopping)
        del self.threads
        self.boot()
        self.assertEqual(self.offset(), 300_001)

    def test_stop_while_hashing(self) -> None:
        """A digest that is made up for after a restart, of a large file, doesn't hold a stop up: it is for the
        next process to make."""
        self.patch(finishing, "SLICE", 10)
        source, _ = self.begin()
        source.send(b"x" * 1000).end()
        self.threads.release_all()
        self.boot(threads=self.threads, ledger_threads=ImmediateThreads())
        waiting = self.later(self.completing(1000))
        self.threads.release(3)
        stopped = self.later(self.engine.stop())
        self.threads.release(1)
        self.failureResultOf(waiting, Stopping)
        self.threads.release_all()
        self.successResultOf(stopped)
        del self.threads
        self.boot()
        self.assertEqual(self.complete(1000).digest, blake3(b"x" * 1000).hexdigest())

    def test_client_leaves_while_hashing(self) -> None:
        """A client that doesn't wait for the digest finds it made when it asks again."""
        self.patch(finishing, "SLICE", 10)
        source, _ = self.begin()
        source.send(b"x" * 1000).end()
        self.threads.release_all()
        self.boot(threads=self.threads, ledger_threads=ImmediateThreads())
        waiting = self.later(self.completing(1000))
        self.threads.release(3)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.threads.release_all()
        self.assertEqual(self.content(), b"x" * 1000)

    def test_stop_while_expiring(self) -> None:
        """Ten thousand uploads that expire don't hold a stop up either."""
        for number in range(20):
            self.now(
                self.engine.append(key(b"file-%d" % number), offset=0, source=Body(b"x"), length=1),
            )
        self.world.now += 8 * 24 * 3600
        expiring = self.later(self.engine.expire())
        self.threads.release(2)
        stopped = self.later(self.engine.stop())
        self.threads.release(2)
        self.failureResultOf(expiring, Stopping)
        self.threads.release_all()
        self.successResultOf(stopped)
        self.assertGreater(len(self.world.part_files()), 15)


class EndAppendsTests(EngineCase):
    """What can be resumed ends first, when the process is about to stop."""

    def test_appends_end(self) -> None:
        """An append is cut at once, and what arrived is written and counted."""
        source = Source()
        waiting = self.later(self.engine.append(key(), offset=0, source=source, length=None))
        source.send(b"hello")
        self.now(self.engine.end_appends())
        self.failureResultOf(waiting, Stopping)
        self.assertTrue(source.stopped)
        self.assertEqual((self.part(), self.offset()), (b"hello", 5))

    def test_no_append_begins(self) -> None:
        """A later one is refused before its body."""
        self.now(self.engine.end_appends())
        body = Body(b"x")
        self.fault(Stopping, self.engine.append(key(), offset=0, source=body, length=1))
        self.assertFalse(body.asked)

    def test_the_rest_goes_on(self) -> None:
        """What can't be resumed comes to its end, and what has all its bytes is still published."""
        self.append(b"hello")
        source = Source()
        target = key(b"put").target
        putting = self.later(
            self.engine.receive(
                target, source=source, length=None, conflict=Conflict.RENAME, may_replace=False, by="guest"
            )
        )
        source.send(b"wor")
        self.now(self.engine.end_appends())
        self.assertFalse(source.stopped)
        source.send(b"ld").end()
        self.successResultOf(putting)
        self.complete(5)
        self.assertEqual((self.content(b"put"), self.content()), (b"world", b"hello"))

    def test_waits_for_the_disk(self) -> None:
        """It is done only when the bytes are in the file."""
        threads = HeldThreads()
        self.boot(threads=ImmediateThreads())
        source = Source()
        self.patch(self.engine._resumable._appender, "_threads", threads)
        waiting = self.later(self.engine.append(key(), offset=0, source=source, length=None))
        source.send(b"hello")
        ending = self.later(self.engine.end_appends())
        self.assertNoResult(ending)
        threads.release_all()
        self.successResultOf(ending)
        self.failureResultOf(waiting, Stopping)


class FullDiskTests(EngineCase):
    """A full disk stops an upload and harms nothing."""

    def test_at_any_byte(self) -> None:
        """Wherever the disk fills up, the prefix is kept, and the upload goes on once there is room."""
        data = bytes(range(256)) * 3
        for room in [*range(0, 40), 255, 256, 257, 511, 512, 767]:
            disk = SmallDisk(room)
            self.boot(pwrite=disk)
            where = key(b"file-%d" % room)
            fault = self.fault(
                NoSpace, self.engine.append(where, offset=0, source=Body(data, piece=100), length=None)
            )
            self.assertGreater(fault.free, 0)
            self.assertEqual(self.offset(key=where), room)
            disk.room = 1 << 20
            self.append(data[room:], room, key=where)
            self.assertEqual(self.complete(len(data), key=where).digest, blake3(data).hexdigest())
            self.assertEqual(self.content(where.name), data)

    def test_broken_disk(self) -> None:
        """An error that isn't about room has the upload loaded anew, from what the file holds."""

        def broken(fd: int, data: memoryview, position: int) -> int:
            if position >= 5:
                raise OSError(errno.EIO, "Input/output error")
            return os.pwrite(fd, data[:5], position)

        self.boot(pwrite=broken)
        self.fault(StorageUnavailable, self.engine.append(key(), offset=0, source=Body(b"hello world"), length=11))
        self.assertEqual(self.offset(), 5)

    def test_full_and_does_not_tell_its_room(self) -> None:
        """A full disk is said to be full even where it can't tell what is left; the upload is loaded anew."""
        self.boot(pwrite=SmallDisk(3))
        self.patch(OpenPart, "free", silent)
        before = descriptors()
        fault = self.fault(NoSpace, self.engine.append(key(), offset=0, source=Body(b"hello"), length=None))
        self.assertIsNone(fault.free)
        self.assertEqual(descriptors(), before)
        self.assertIsNone(self.fault(NoSpace, self.receiving()).free)

    def test_broken_and_does_not_tell_its_room(self) -> None:
        """What is told is the error of the write, not that of a question after it."""

        def broken(*_: object) -> int:
            raise OSError(errno.EIO, "the write")

        self.boot(pwrite=broken)
        self.patch(OpenPart, "free", silent)
        before = descriptors()
        work = self.engine.append(key(), offset=0, source=Body(b"hello"), length=None)
        self.assertIn("the write", self.fault(StorageUnavailable, work).reason)
        self.assertEqual(descriptors(), before)
        self.assertIn("the write", self.fault(StorageUnavailable, self.receiving()).reason)

    def test_does_not_tell_its_room_when_loaded(self) -> None:
        """A part that was opened only to fail at the next question is closed again."""
        self.append(b"hello")
        self.boot()
        before = descriptors()
        self.patch(OpenPart, "free", silent)
        for _ in range(3):
            self.fault(StorageUnavailable, self.engine.offset(key()))
        self.assertEqual(descriptors(), before)

    def receiving(self) -> Coroutine[Any, Any, Completed]:
        """Take a whole file at once, to be begun."""
        return self.engine.receive(
            key().target,
            source=Body(b"hello"),
            length=None,
            conflict=Conflict.RENAME,
            may_replace=False,
            by="guest",
        )

    def test_failed_sync(self) -> None:
        """After a failed sync only what was synced before counts: the kernel may have dropped the rest."""
        self.append(b"hello")
        self.world.clock.advance(1.1)
        self.append(b" world", 5)
        real, failing = os.fdatasync, [True]

        def fdatasync(fd: int) -> None:
            if failing:
                raise OSError(errno.EIO, "Input/output error")
            real(fd)

        self.patch(os, "fdatasync", fdatasync)
        self.fault(StorageUnavailable, self.completing(11))
        failing.clear()
        self.assertEqual(self.offset(), 5)
        self.append(b" again", 5)
        self.complete(11)
        self.assertEqual(self.content(), b"hello again")


class VanishingStorageTests(EngineCase):
    """The storage goes away and comes back."""

    def test_gone_and_back(self) -> None:
        """While the storage is away everything is refused with a clear fault; then the upload goes on."""
        self.append(b"hello")
        os.rename(self.root, self.root + b"-away")
        self.fault(StorageUnavailable, self.engine.offset(key()))
        self.fault(StorageUnavailable, self.engine.append(key(), offset=5, source=Body(b"x"), length=1))
        self.fault(StorageUnavailable, self.completing(5))
        os.rename(self.root + b"-away", self.root)
        self.assertEqual(self.offset(), 5)
        self.append(b"!", 5)
        self.complete(6)
        self.assertEqual(self.content(), b"hello!")

    def test_part_removed_by_hand(self) -> None:
        """An upload whose part somebody removed begins at 0 again."""
        self.append(b"hello")
        [name] = self.world.part_files()
        os.unlink(self.root + b"/.peerstor/parts/" + name.encode())
        self.assertEqual(self.offset(), 0)
        self.append(b"hello again")
        self.complete(11)
        self.assertEqual(self.content(), b"hello again")


class ExpiryTests(EngineCase):
    """Uploads that nobody goes on with."""

    def test_expiry(self) -> None:
        """A partial upload goes once it hasn't moved for the period; a younger one stays."""
        self.append(b"old", key=key(b"old"))
        self.world.now += 7 * 24 * 3600 - 10
        self.append(b"young", key=key(b"young"))
        self.world.now += 11
        self.assertEqual(self.now(self.engine.expire()), 1)
        self.assertEqual(self.offset(key=key(b"old")), 0)
        self.assertEqual(self.offset(key=key(b"young")), 5)
        self.assertEqual(len(self.world.part_files()), 1)

    def test_by_itself(self) -> None:
        """The engine looks for expired uploads on its own."""
        self.append(b"old")
        self.world.now += 8 * 24 * 3600
        self.world.clock.advance(3600)
        self.assertEqual(self.world.part_files(), [])

    def test_a_slow_writer_does_not_expire(self) -> None:
        """An upload that is being written doesn't expire under its writer."""
        source = Source()
        writing = self.later(self.engine.append(key(), offset=0, source=source, length=None))
        source.send(b"x")
        self.world.now += 8 * 24 * 3600
        self.assertEqual(self.now(self.engine.expire()), 0)
        self.world.clock.advance(60)
        self.assertEqual(self.now(self.engine.expire()), 0)
        source.send(b"y").end()
        self.assertEqual(self.successResultOf(writing), 2)


class IdleTests(EngineCase):
    """What stays in memory."""

    def test_idle_uploads_are_closed(self) -> None:
        """An upload that nobody uses gives its descriptor back, and goes on all the same."""
        before = len(os.listdir("/proc/self/fd"))
        self.append(b"hello")
        self.assertEqual(len(os.listdir("/proc/self/fd")), before + 1)
        for _ in range(7):
            self.world.clock.advance(60)
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)
        self.append(b" world", 5)
        self.assertEqual(self.complete(11).digest, blake3(b"hello world").hexdigest())

    def test_many_idle_uploads(self) -> None:
        """However many uploads are begun, few stay open."""
        before = len(os.listdir("/proc/self/fd"))
        for number in range(200):
            self.append(b"x", key=key(b"file-%d" % number))
        self.assertLessEqual(len(os.listdir("/proc/self/fd")), before + 64)
        self.assertEqual(self.append(b"y", 1, key=key(b"file-0")), 2)
