"""Rules of the file that a backup is."""

import errno
import gzip
import hashlib
import io
import json
import os
import stat
import tarfile
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from peerstor.commands import archive
from peerstor.commands.archive import BadArchive, Manifest, measured, new_file, unpack, write_archive
from peerstor.errors import StartupError
from tests.scratch import scratch_folder

KEY = b"k" * 32
INSTANCE = "0123456789abcdef" * 2


class ArchiveCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = os.fsencode(scratch_folder(self))
        self.out = self.folder + b"/out"
        os.mkdir(self.out)

    def manifest(self, **changes: Any) -> Manifest:
        made = Manifest(
            peerstor="9", made=1e9, instance_id=INSTANCE, schemas={}, members={"access.key": (32, _sha(KEY))}
        )
        return evolve(made, **changes)

    def archive(self, members: list[tuple[tarfile.TarInfo, bytes]], manifest: object = None) -> io.BytesIO:
        """Pack anything at all."""
        text = manifest if isinstance(manifest, bytes) else self.manifest().to_json()
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
            for head, content in [(tarfile.TarInfo("manifest.json"), text), *members]:
                if head.type == tarfile.REGTYPE and not head.size:
                    head.size = len(content)
                tar.addfile(head, io.BytesIO(content))
        packed.seek(0)
        return packed

    def refusal(self, packed: io.BytesIO) -> str:
        with self.assertRaises(BadArchive) as caught:
            unpack(packed, self.out)
        return str(caught.exception)


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _key(**changes: Any) -> tarfile.TarInfo:
    head = tarfile.TarInfo("access.key")
    for name, value in changes.items():
        setattr(head, name, value)
    return head


class RoundTests(ArchiveCase):
    def test_there_and_back(self) -> None:
        """What was packed comes out, for its owner alone, with all that the manifest says."""
        source = self.folder + b"/key"
        with open(source, "wb") as file:
            file.write(KEY)
        manifest = self.manifest(members={"access.key": measured(source)}, schemas={"uploads.sqlite": 2})
        with new_file(self.folder + b"/backup") as file:
            write_archive(file, manifest, {"access.key": source})
        with open(self.folder + b"/backup", "rb") as file:
            self.assertEqual(unpack(file, self.out), manifest)
        with open(self.out + b"/access.key", "rb") as file:
            self.assertEqual(file.read(), KEY)
        for path in (self.folder + b"/backup", self.out + b"/access.key"):
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)

    def test_by_tar(self) -> None:
        """Every tar reads it."""
        packed = io.BytesIO()
        write_archive(packed, self.manifest(members={}), {})
        packed.seek(0)
        with tarfile.open(fileobj=packed) as tar:
            self.assertEqual(tar.getnames(), ["manifest.json"])


class NewFileTests(ArchiveCase):
    def test_all_or_nothing(self) -> None:
        """What breaks off leaves the file that was there, and nothing else."""
        path = self.folder + b"/backup"
        with new_file(path) as file:
            file.write(b"old")
        with self.assertRaises(ZeroDivisionError), new_file(path) as file:
            file.write(b"new")
            raise ZeroDivisionError
        with open(path, "rb") as file:
            self.assertEqual(file.read(), b"old")
        self.assertEqual(sorted(os.listdir(self.folder)), [b"backup", b"out"])

    def test_folder_that_cannot_be_synced(self) -> None:
        """Some network and FUSE file systems can't sync one: the file is made all the same."""
        real = os.fsync

        def fsync(fd: int) -> None:
            if stat.S_ISDIR(os.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, "no")
            real(fd)

        self.patch(os, "fsync", fsync)
        with new_file(self.folder + b"/backup") as file:
            file.write(b"new")
        with open(self.folder + b"/backup", "rb") as file:
            self.assertEqual(file.read(), b"new")

    def test_in_the_way(self) -> None:
        """A folder of that name, and a folder that isn't there, are told in one line."""
        for path in (self.out, self.folder + b"/none/backup"):
            with self.assertRaises(StartupError), new_file(path):
                raise AssertionError

    def test_open_to_others(self) -> None:
        """Where permissions don't hold nothing is written."""
        self.patch(archive.os, "fstat", lambda fd: os.stat_result((0o100644, *[0] * 9)))
        with self.assertRaises(StartupError) as caught, new_file(self.folder + b"/backup"):
            raise AssertionError
        self.assertIn("others could read", str(caught.exception))
        self.assertEqual(os.listdir(self.folder), [b"out"])


class HostileTests(ArchiveCase):
    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(self.assert_nothing_outside)

    def assert_nothing_outside(self) -> None:
        """See that nothing was written anywhere else."""
        self.assertEqual(os.listdir(self.folder), [b"out"])

    def test_strange_members(self) -> None:
        """Paths, links, devices, other names and long heads are refused before anything is written for them."""
        for head in (
            tarfile.TarInfo("../access.key"),
            tarfile.TarInfo("/etc/passwd"),
            tarfile.TarInfo("other"),
            tarfile.TarInfo("x" * 300),
            _key(type=tarfile.SYMTYPE, linkname="/etc/passwd"),
            _key(type=tarfile.LNKTYPE, linkname="manifest.json"),
            _key(type=tarfile.CHRTYPE),
            _key(type=tarfile.FIFOTYPE),
            _key(type=tarfile.DIRTYPE),
            _key(type=tarfile.GNUTYPE_SPARSE),
            _key(pax_headers={"path": "elsewhere"}),
        ):
            with self.subTest(head=head):
                self.assertIn("no backup of PeerStor's", self.refusal(self.archive([(head, KEY)])))
                self.assertEqual(os.listdir(self.out), [])

    def test_sizes(self) -> None:
        """A member is as large as the manifest says and no larger than it may be, whatever stands in its head."""
        self.assertIn("another size", self.refusal(self.archive([(_key(), KEY + b"k")])))
        large = self.manifest(members={"access.key": (2**20, "")}).to_json()
        self.assertIn("another size", self.refusal(self.archive([(_key(), bytes(2**20))], large)))
        self.assertEqual(os.listdir(self.out), [])

    def test_inflation(self) -> None:
        """What inflates without end is read no further than a backup reaches."""
        bomb = io.BytesIO(gzip.compress(b"manifest.json".ljust(100, b"\0") + bytes(2**27)))
        self.refusal(bomb)
        self.assertLess(bomb.tell(), 2**17)

    def test_digest(self) -> None:
        """Other bytes than were backed up are refused."""
        self.assertIn("SHA-256", self.refusal(self.archive([(_key(), b"K" * 32)])))

    def test_incomplete(self) -> None:
        """A member that is missing, there twice or not announced is refused, and so is an archive without any."""
        self.assertIn("missing", self.refusal(self.archive([])))
        self.assertIn("its manifest doesn't", self.refusal(self.archive([(_key(), KEY), (_key(), KEY)])))
        self.assertIn("no manifest", self.refusal(io.BytesIO(gzip.compress(bytes(10240)))))

    def test_cut_anywhere(self) -> None:
        """Cut off at any byte it is refused, also behind the last member."""
        whole = self.archive([(_key(), KEY)]).getvalue()
        for end in range(len(whole)):
            self.unpacked_key(whole[:end], refused=True)

    def test_changed_anywhere(self) -> None:
        """With any byte changed it is refused or whole; of what is compressed every byte counts."""
        whole = self.archive([(_key(), KEY)]).getvalue()
        for place in range(len(whole)):
            changed = bytearray(whole)
            changed[place] ^= 0xFF
            self.unpacked_key(bytes(changed), refused=place >= 10)

    def unpacked_key(self, content: bytes, *, refused: bool) -> None:
        """See that an archive is refused where it has to be, and otherwise has the key."""
        for name in os.listdir(self.out):
            os.unlink(self.out + b"/" + name)
        try:
            unpack(io.BytesIO(content), self.out)
        except (BadArchive, StartupError):
            return
        self.assertFalse(refused, content)
        with open(self.out + b"/access.key", "rb") as file:
            self.assertEqual(file.read(), KEY)

    def test_more(self) -> None:
        """What stands behind its end is refused, and read no further than a backup reaches."""
        whole = gzip.decompress(self.archive([(_key(), KEY)]).getvalue())
        for more in (b"x", bytes(2**27)):
            packed = io.BytesIO(gzip.compress(whole + more, 1))
            self.assertIn("behind its end", self.refusal(packed))
            self.assertLess(packed.tell(), 2**18)
            os.unlink(self.out + b"/access.key")

    def test_manifests(self) -> None:
        """A manifest that is none is refused; one of a newer format names who can."""
        good = json.loads(self.manifest().to_json())
        for change in (
            {"members": {"../x": {"size": 1, "sha256": ""}}},
            {"members": {"access.key": 5}},
            {"members": []},
            {"instance": "../../../../../../../../etc/passwd"},
            {"instance": 5},
            {"schemas": None},
            {"format": "x"},
            {"made": "x"},
        ):
            with self.subTest(change=change):
                self.assertIn("manifest", self.refusal(self.archive([], json.dumps({**good, **change}).encode())))
        for text in (b"", b"[]", b"[" * 50_000, b"\xff"):
            self.assertIn("manifest", self.refusal(self.archive([], text)))
        with self.assertRaises(StartupError) as caught:
            unpack(self.archive([], json.dumps({**good, "format": 2}).encode()), self.out)
        self.assertIn("newer PeerStor", str(caught.exception))
