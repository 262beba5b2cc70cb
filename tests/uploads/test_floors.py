"""An upload goes on with the rights of whoever goes on with it, never with those that it was begun with."""

import os

from attrs import evolve

from peerstor.errors import NoParent
from peerstor.uploads.records import UploadKey
from tests.uploads.scaffold import Body, EngineCase, key

WIDE = key(folder=b"mine/link")
NARROW = evolve(WIDE, within=1)


class FloorTests(EngineCase):
    """`mine/link` leads to `other`, beside the folder that the narrow rights are for."""

    def setUp(self) -> None:
        super().setUp()
        os.mkdir(self.root + b"/mine")
        os.mkdir(self.root + b"/other")
        os.symlink("../other", self.root + b"/mine/link")

    def refused(self, where: UploadKey, size: int = 5) -> None:
        """Nothing of an upload can be moved from there."""
        self.fault(NoParent, self.completing(size, key=where))
        self.fault(NoParent, self.engine.append(where, offset=size, source=Body(b"x"), length=1))

    def check_nothing_came(self) -> None:
        self.assertEqual(os.listdir(self.root + b"/other"), [])

    def test_begin(self) -> None:
        """An upload can't be begun through a link that leads out of where the rights hold."""
        self.fault(NoParent, self.engine.append(NARROW, offset=0, source=Body(b"x"), length=1))
        self.fault(NoParent, self.completing(0, key=NARROW))
        self.assertEqual(self.world.part_files(), [])

    def test_in_memory(self) -> None:
        """One that was begun with wider rights doesn't go on with narrower ones while it is in memory."""
        self.append(b"hello", key=WIDE)
        self.refused(NARROW)
        self.check_nothing_came()
        self.assertEqual(self.complete(5, key=WIDE).path.joined, b"mine/link/file.bin")

    def test_loaded(self) -> None:
        """Nor does it once its row is read again, which tells no rights at all."""
        self.append(b"hello", key=WIDE)
        self.boot()
        self.refused(NARROW)
        self.check_nothing_came()

    def test_link_that_came_later(self) -> None:
        """Nor where the folder became such a link after the upload had begun."""
        inner = evolve(NARROW, folder=b"mine/inner")
        for reload in (False, True):
            os.mkdir(self.root + b"/mine/inner")
            self.append(b"hello", key=inner)
            os.rename(self.root + b"/mine/inner", self.root + b"/mine/moved%d" % reload)
            os.symlink("../other", self.root + b"/mine/inner")
            if reload:
                self.boot()
            self.refused(inner)
            self.check_nothing_came()
            os.unlink(self.root + b"/mine/inner")
            self.now(self.engine.abandon(inner))

    def test_wider_again(self) -> None:
        """Whose rights are wider may go on with what narrower ones had asked for in vain."""
        self.append(b"hello", key=WIDE)
        self.refused(NARROW)
        self.append(b" world", 5, key=WIDE)
        self.refused(NARROW, 11)
        self.complete(11, key=WIDE)
        self.assertEqual(self.content(b"other/file.bin"), b"hello world")

    def test_cut_off_while_publishing(self) -> None:
        """What a crash cut off after the rename is understood by what happened; only who may see it is told."""
        self.append(b"hello", key=WIDE)
        ledger, done = self.world.ledger, self.complete(5, key=WIDE)
        row = ledger.find(WIDE)
        ledger.intend(row.id, final=b"file.bin", digest=done.digest, offset=5)
        self.boot()
        self.fault(NoParent, self.completing(5, key=NARROW))
        self.assertEqual(self.complete(5, key=WIDE).digest, done.digest)
        self.assertEqual(os.listdir(self.root + b"/other"), [b"file.bin"])
