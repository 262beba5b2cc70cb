"""What is true after a crash at any step, and after a start among thousands of partial uploads."""

import errno
import os
import subprocess
import time
from collections.abc import Callable
from typing import Any
from unittest import SkipTest

from twisted.internet.defer import Deferred
from twisted.logger import LogEvent, globalLogPublisher

from peerstor.errors import NoParent, NoSuchUpload, OffsetMismatch
from peerstor.tree.publish import Conflict
from peerstor.uploads.ledger import Ledger
from peerstor.uploads.parts import PartStore, new_id
from peerstor.uploads.records import Record, Stated, UploadKey
from tests.uploads.scaffold import Body, EngineCase, Source, key, mount_tmpfs


def run(*command: str | bytes) -> None:
    """Run a program that has to succeed."""
    subprocess.run(command, check=True)


def receiving(case: EngineCase, where: UploadKey, source: Source) -> Deferred[Any]:
    """Begin to receive a file at once."""
    return case.later(
        case.engine.receive(
            where.target,
            source=source,
            length=None,
            conflict=Conflict.RENAME,
            may_replace=False,
            by="guest",
        )
    )


class Crash(BaseException):
    """Stands for SIGKILL: nothing of the engine may catch it and go on."""


class CrashTests(EngineCase):
    """A process that ends in the middle of publishing."""

    def crash_at(self, owner: Any, method: str, *, after: bool) -> None:
        """Publish, and end the process before or after one step; then serve again."""
        real = getattr(owner, method)

        def step(*args: Any, **kwargs: Any) -> Any:
            if after:
                real(*args, **kwargs)
            raise Crash()

        self.append(b"hello")
        self.patch(owner, method, step)
        waiting = self.later(self.completing(5))
        self.failureResultOf(waiting, Crash)
        setattr(owner, method, real)
        self.boot()

    def assert_answered(self) -> None:
        """The repeat of complete publishes once, and only once."""
        for _ in range(2):
            self.assertEqual(self.complete(5).path.joined, b"file.bin")
        self.assertEqual((self.names(), self.content()), ([b"file.bin"], b"hello"))
        self.assertEqual(self.world.part_files(), [])
        self.assertEqual(self.world.heard.told, [(b"file.bin", 5, "guest", False)])
        self.assertEqual(self.offset(), 0)

    def test_before_the_intent(self) -> None:
        """The upload is still partial."""
        self.crash_at(Ledger, "intend", after=False)
        self.assertEqual((self.offset(), self.names()), (5, []))
        self.assert_answered()

    def test_after_the_intent(self) -> None:
        """An intent alone publishes nothing."""
        self.crash_at(Ledger, "intend", after=True)
        self.assertEqual((self.offset(), self.names()), (5, []))
        self.assert_answered()

    def test_intent_then_more_bytes(self) -> None:
        """An upload whose intent came to nothing goes on as if it had not been."""
        self.crash_at(Ledger, "intend", after=True)
        self.append(b"!", 5)
        self.boot()
        self.assertEqual(self.complete(6).path.joined, b"file.bin")
        self.assertEqual(self.content(), b"hello!")

    def test_between_link_and_unlink(self) -> None:
        """A file that stands under both names is published; the part's name goes."""
        self.crash_at(os, "link", after=True)
        self.assertEqual(self.names(), [b"file.bin"])
        self.assertEqual(self.world.part_files(), [])
        self.assert_answered()

    def test_before_the_record(self) -> None:
        """A renamed file whose row was not written is published."""
        self.crash_at(Ledger, "finish", after=False)
        self.assertEqual(self.names(), [b"file.bin"])
        self.assert_answered()

    def test_before_the_record_under_another_name(self) -> None:
        """The answer names the file as it was published, also when the wanted name was taken."""
        with open(self.root + b"/file.bin", "wb") as file:
            file.write(b"older")
        self.crash_at(Ledger, "finish", after=False)
        self.assertEqual(self.complete(5).path.joined, b"file (2).bin")
        self.assertEqual(self.names(), [b"file (2).bin", b"file.bin"])

    def test_before_the_answer(self) -> None:
        """A client that didn't get the answer gets it at the repeat."""
        self.append(b"hello")
        self.complete(5)
        heard = self.world.heard
        self.boot()
        self.world.heard.told += heard.told
        self.assert_answered()


class RebootTests(EngineCase):
    """A machine that went down."""

    def test_cut_back_to_the_mark(self) -> None:
        """After a reboot what was synced counts; what lies behind it is cut off."""
        self.append(b"hello")
        self.world.clock.advance(1.1)
        self.append(b" world", 5)
        self.boot(boot_id="boot-2")
        self.assertEqual((self.offset(), self.part()), (5, b"hello"))
        self.append(b"!", 5)
        self.boot(boot_id="boot-2")
        self.assertEqual(self.offset(), 6)

    def test_lost_part(self) -> None:
        """A part file that the power failure took begins anew."""
        self.append(b"hello")
        [name] = self.world.part_files()
        os.unlink(self.root + b"/.peerstor/parts/" + name.encode())
        self.boot(boot_id="boot-2")
        self.assertEqual(self.offset(), 0)
        self.fault(NoSuchUpload, self.completing(5))


class StartTests(EngineCase):
    """The start of a process."""

    def test_orphans(self) -> None:
        """Parts that no row speaks of are removed; those of uploads, and foreign files, are left."""
        self.append(b"hello")
        [mine] = self.world.part_files()
        for name in ("0" * 32, "f" * 32, "note.txt"):
            with open(self.root + b"/.peerstor/parts/" + name.encode(), "wb"):
                pass
        self.boot()
        self.assertEqual(self.world.part_files(), sorted([mine, "note.txt"]))

    def test_another_ledger(self) -> None:
        """A ledger that was made after a part doesn't tell whose it is: it is left until nobody may want it."""
        self.append(b"hello")
        mine = self.world.part_files()
        os.utime(self.root + b"/.peerstor/parts/" + mine[0].encode(), (self.world.now - 9, self.world.now - 9))
        old = self.root + b"/.peerstor/parts/" + b"0" * 32
        with open(old, "wb"):
            os.utime(old, (1, 1))
        state = self.base + b"/state"
        os.mkdir(state)
        events: list[LogEvent] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        self.boot(state=state)
        self.assertEqual(self.world.part_files(), mine)
        self.assertEqual([event["count"] for event in events if "another ledger" in event["log_format"]], [1])
        self.boot(state=state)
        self.assertEqual(self.world.part_files(), mine)
        self.boot()
        self.assertEqual(self.offset(), 5)

    def test_hourly(self) -> None:
        """What is left meanwhile is looked at again: what has become too old goes, what is open stays."""
        self.append(b"hello")
        mine = self.world.part_files()
        orphan = self.root + b"/.peerstor/parts/" + b"0" * 32
        with open(orphan, "wb"):
            os.utime(orphan, (self.world.now - 9, self.world.now - 9))
        self.boot()
        self.assertEqual(len(self.world.part_files()), 2)
        self.world.now += 6 * 24 * 3600
        self.append(b"!", 5)
        self.world.now += 2 * 24 * 3600
        self.world.clock.advance(3600)
        self.assertEqual(self.world.part_files(), mine)

    def test_sweep_beside_a_new_upload(self) -> None:
        """The sweep leaves alone what is begun while it runs."""
        waiting: list[Any] = []
        source = Source()
        real = PartStore.sweep

        def sweep(store: PartStore, known: Any, **rest: Any) -> Any:
            def asked() -> Any:
                waiting.append(self.later(self.engine.append(key(), offset=0, source=source, length=None)))
                return known()

            return real(store, asked, **rest)

        self.patch(PartStore, "sweep", sweep)
        self.boot()
        source.send(b"hello").end()
        self.assertEqual(self.successResultOf(waiting[0]), 5)
        self.complete(5)

    def test_ten_thousand(self) -> None:
        """Ten thousand partial uploads cost the start no more than a look at the folder, and no memory."""
        self.boot(fsync=False)
        folder = self.root + b"/.peerstor/parts/"
        for number in range(10_000):
            row = Record(
                id=new_id(),
                key=key(b"file-%d" % number),
                stated=Stated(),
                boot_id="boot-1",
                created=self.world.now,
                touched=self.world.now,
            )
            self.world.ledger.begin(row)
            with open(folder + row.id.encode(), "wb") as file:
                file.write(b"%d" % number)
        begin = time.process_time()
        self.boot(fsync=False)
        self.assertLess(time.process_time() - begin, 2.0)
        self.assertEqual(len(self.world.part_files()), 10_000)
        self.assertEqual(self.offset(key=key(b"file-9999")), 4)


class OtherFileSystemTests(EngineCase):
    """A folder on another disk than the storage."""

    def setUp(self) -> None:
        super().setUp()
        self.nested = self.root + b"/nested"
        os.mkdir(self.nested)
        mount_tmpfs(self, self.nested, "1m")
        self.where = key(folder=b"nested")

    def hidden(self) -> list[bytes]:
        """What lies there under private names."""
        return [name for name in os.listdir(self.nested) if name.startswith(b".peerstor")]

    def test_beside(self) -> None:
        """The part lies hidden beside its target, survives a restart, and is gone in the end."""
        self.append(b"hello", key=self.where)
        self.assertEqual((len(self.hidden()), self.world.part_files()), (1, []))
        self.boot()
        self.assertEqual(self.offset(key=self.where), 5)
        self.append(b"!", 5, key=self.where)
        self.complete(6, key=self.where)
        self.assertEqual((self.content(b"nested/file.bin"), self.hidden()), (b"hello!", []))

    def test_expired_and_abandoned(self) -> None:
        """Nothing stays beside the target of an upload that was given up."""
        self.append(b"hello", key=self.where)
        self.now(self.engine.abandon(self.where))
        self.assertEqual(self.hidden(), [])
        self.append(b"hello", key=self.where)
        self.world.now += 8 * 24 * 3600
        self.now(self.engine.expire())
        self.assertEqual(self.hidden(), [])

    def test_killed_one_shot(self) -> None:
        """What a killed process was receiving there at once is swept at the next start."""
        self.receiving()
        self.assertEqual(len(self.hidden()), 1)
        self.boot()
        self.assertEqual(self.hidden(), [])

    def test_killed_one_shot_and_disk_away(self) -> None:
        """Where its disk is away at that start, it is swept once that is back."""
        self.receiving()
        away = self.take_away()
        self.boot()
        self.world.clock.advance(3600)
        run("mount", "--move", away, self.nested)
        self.assertEqual(len(self.hidden()), 1)
        self.world.clock.advance(3600)
        self.assertEqual((self.hidden(), self.world.ledger.strays()), ([], ()))

    def test_stray_that_cannot_be_removed(self) -> None:
        """One that resists keeps its row, and the others from nothing."""
        for _ in range(2):
            self.receiving()
        stuck = sorted(self.hidden())[0]
        real = os.unlink

        def unlink(name: bytes, **rest: Any) -> None:
            if name == stuck:
                raise OSError(errno.EIO, "stuck")
            real(name, **rest)

        self.patch(os, "unlink", unlink)
        self.boot()
        self.assertEqual((self.hidden(), len(self.world.ledger.strays())), ([stuck], 1))
        os.unlink = real
        self.world.clock.advance(3600)
        self.assertEqual((self.hidden(), self.world.ledger.strays()), ([], ()))

    def test_sweep_beside_a_one_shot(self) -> None:
        """The hourly look leaves alone what is being received."""
        source, waiting = self.receiving()
        self.world.clock.advance(3600)
        source.send(b"hello").end()
        self.successResultOf(waiting)
        self.assertEqual((self.content(b"nested/file.bin"), self.hidden()), (b"hello", []))

    def test_dropped_while_away(self) -> None:
        """The part of an upload that was given up while its disk was away goes when that is back."""
        self.append(b"hello", key=self.where)
        self.now(self.engine.stop())
        away = self.take_away()
        self.boot()
        self.assertIsNotNone(self.now(self.engine.abandon(self.where)))
        run("mount", "--move", away, self.nested)
        self.assertEqual(len(self.hidden()), 1)
        self.world.clock.advance(3600)
        self.assertEqual((self.hidden(), self.world.ledger.strays()), ([], ()))

    def receiving(self) -> tuple[Source, Deferred[Any]]:
        """Begin to receive a file at once."""
        source = Source()
        waiting = receiving(self, self.where, source)
        self.addCleanup(waiting.addErrback, lambda failure: None)
        return source, waiting

    def take_away(self) -> bytes:
        """Move the other disk out of the storage; answers with where it is then."""
        away = self.base + b"/away"
        os.mkdir(away)
        run("mount", "--move", self.nested, away)
        self.addCleanup(subprocess.run, ["umount", "-l", away], check=False, capture_output=True)
        return away

    def test_disk_away(self) -> None:
        """An upload whose disk is away waits for it, and can be given up."""
        self.append(b"hello", key=self.where)
        self.now(self.engine.stop())
        away = self.take_away()
        self.boot()
        self.fault(NoParent, self.engine.append(self.where, offset=0, source=Body(b"x"), length=1))
        self.fault(NoParent, self.completing(5, key=self.where))
        run("mount", "--move", away, self.nested)
        self.assertEqual(self.offset(key=self.where), 5)
        self.complete(5, key=self.where)

    def test_disk_away_for_good(self) -> None:
        """An upload whose disk stays away can be given up."""
        self.append(b"hello", key=self.where)
        os.mkdir(self.base + b"/away")
        run("mount", "--move", self.nested, self.base + b"/away")
        self.addCleanup(run, "umount", self.base + b"/away")
        self.addCleanup(run, "mount", "-t", "tmpfs", "tmpfs", self.nested)
        self.assertTrue(self.now(self.engine.abandon(self.where)))
        self.append(b"other", key=self.where)
        self.complete(5, key=self.where)

    def test_really_full(self) -> None:
        """A disk that is really full keeps the prefix; with room again the upload goes on."""
        data = os.urandom(1 << 20)
        fault = self.fault(Exception, self.engine.append(self.where, offset=0, source=Body(data * 2), length=None))
        self.assertEqual(fault.free, 0)
        offset = self.offset(key=self.where)
        self.assertEqual(offset, 1 << 20)
        fault = self.fault(OffsetMismatch, self.completing(1 << 21, key=self.where))
        self.assertEqual(fault.offset, offset)
        run("mount", "-o", "remount,size=4m", self.nested)
        self.append(data, offset, key=self.where)
        self.complete(2 << 20, key=self.where)
        self.assertEqual(self.content(b"nested/file.bin"), data * 2)


class BindMountTests(EngineCase):
    """A folder of the same device behind another mount, as containers have them."""

    def test_bind(self) -> None:
        """A rename can't cross it, so the part lies beside its target."""
        os.mkdir(self.base + b"/elsewhere")
        os.mkdir(self.root + b"/bound")
        if os.geteuid():
            raise SkipTest("only root may mount")
        run("mount", "--bind", self.base + b"/elsewhere", self.root + b"/bound")
        self.addCleanup(run, "umount", "-l", self.root + b"/bound")
        where = key(folder=b"bound")
        self.append(b"hello", key=where)
        self.assertEqual(self.world.part_files(), [])
        self.complete(5, key=where)
        self.assertEqual(os.listdir(self.base + b"/elsewhere"), [b"file.bin"])


class CopyLeftTests(EngineCase):
    """A crash in the middle of publishing to another file system than the part's."""

    def setUp(self) -> None:
        super().setUp()
        os.mkdir(self.root + b"/usb")
        self.where = key(folder=b"usb")
        self.append(b"hello", key=self.where)
        mount_tmpfs(self, self.root + b"/usb", "1m")
        self.crash(lambda: self.later(self.completing(5, key=self.where)))
        [copy] = os.listdir(self.root + b"/usb")
        self.assertTrue(copy.endswith(b".copy"))

    def crash(self, publish: Callable[[], Deferred[Any]]) -> None:
        """Die when the copy is made and not yet under its name."""

        def link(*_: Any, **__: Any) -> None:
            # As little is cleaned up as after SIGKILL.
            self.patch(os, "unlink", lambda *_, **__: None)
            raise Crash()

        real = os.link, os.unlink
        self.patch(os, "link", link)
        self.failureResultOf(publish(), Crash)
        os.link, os.unlink = real
        self.boot()

    def test_one_shot(self) -> None:
        """The start sweeps what was copied for a file that came at once."""
        os.mkdir(self.root + b"/late")
        source = Source()
        waiting = receiving(self, key(folder=b"late"), source)
        source.send(b"hello")
        mount_tmpfs(self, self.root + b"/late", "1m")

        def publish() -> Deferred[Any]:
            source.end()
            return waiting

        self.crash(publish)
        self.assertEqual(os.listdir(self.root + b"/late"), [])
        self.assertEqual(len(self.world.part_files()), 1)

    def test_abandoned_while_away(self) -> None:
        """An upload that is given up while the disk of its copy is away leaves nothing on it either."""
        away = self.base + b"/away"
        os.mkdir(away)
        run("mount", "--move", self.root + b"/usb", away)
        self.addCleanup(subprocess.run, ["umount", "-l", away], check=False, capture_output=True)
        self.assertTrue(self.now(self.engine.abandon(self.where)))
        run("mount", "--move", away, self.root + b"/usb")
        self.world.clock.advance(3600)
        self.assertEqual((os.listdir(self.root + b"/usb"), self.world.part_files()), ([], []))
        self.assertEqual(self.world.ledger.strays(), ())

    def test_abandoned(self) -> None:
        """Abandoning the upload removes the copy too."""
        self.assertTrue(self.now(self.engine.abandon(self.where)))
        self.assertEqual((os.listdir(self.root + b"/usb"), self.world.part_files()), ([], []))

    def test_expired(self) -> None:
        """So does its expiry."""
        self.world.now += 8 * 24 * 3600
        self.assertEqual(self.now(self.engine.expire()), 1)
        self.assertEqual((os.listdir(self.root + b"/usb"), self.world.part_files()), ([], []))

    def test_completed(self) -> None:
        """Completing it leaves the file alone."""
        self.complete(5, key=self.where)
        self.assertEqual((os.listdir(self.root + b"/usb"), self.world.part_files()), ([b"file.bin"], []))
