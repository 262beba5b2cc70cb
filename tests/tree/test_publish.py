"""Publishing and deleting: who gets which name, what is kept, and what is refused."""

import errno
import os
import stat
import threading
import time
from typing import Any

from peerstor.errors import (
    BadName,
    Exists,
    Fault,
    Forbidden,
    IsFolder,
    NoParent,
    NoSpace,
    NotFound,
    Overloaded,
    PreconditionFailed,
    StorageUnavailable,
)
from peerstor.tree.naming import TRIES
from peerstor.tree.paths import numbered
from peerstor.tree.publish import Conflict, Part, Published, Publisher
from peerstor.tree.trash import Trash
from tests.tree.scaffold import StorageCase, path


class PublishCase(StorageCase):
    """A storage with a publisher, and parts to publish."""

    fsync = True

    def setUp(self) -> None:
        super().setUp()
        self.trash = Trash(private=self.private, sandbox=self.sandbox, fsync=self.fsync)
        self.publisher = Publisher(sandbox=self.sandbox, trash=self.trash, fsync=self.fsync)
        self.count = 0

    def part(self, content: bytes = b"new", *, beside: bytes | None = None) -> Part:
        """Complete bytes, in the private folder or beside the target."""
        self.count += 1
        dir_fd = self.private.parts_fd
        name = b"%032x" % self.count
        if beside is not None:
            dir_fd = os.open(self.at(beside), os.O_RDONLY)
            self.addCleanup(os.close, dir_fd)
            name = b".peerstor-%s.part" % name
        fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=dir_fd)
        self.addCleanup(os.close, fd)
        os.write(fd, content)
        return Part(dir_fd=dir_fd, name=name, fd=fd)

    def publish(
        self, url: str, conflict: Conflict = Conflict.RENAME, *, part: Part | None = None, **rest: Any
    ) -> Published:
        """Publish `new` under a URL."""
        return self.publisher.publish(part or self.part(), path(url), conflict=conflict, by="ann", **rest)

    def refused(self, kind: type[Fault], url: str, conflict: Conflict = Conflict.RENAME, **rest: Any) -> Any:
        """Publishing fails so, leaves the part as it was and adds nothing to the tree or the trash."""
        part = rest.pop("part", None) or self.part()
        before, content = self.visible(), os.pread(part.fd, 100, 0)
        trashed = len(self.trashed())
        fault = self.assertRaises(kind, self.publish, url, conflict, part=part, **rest)
        self.assertEqual(self.visible(), before)
        self.assertEqual(len(self.trashed()), trashed)
        found = os.stat(part.name, dir_fd=part.dir_fd)
        self.assertEqual(found.st_ino, os.fstat(part.fd).st_ino)
        self.assertEqual(os.pread(part.fd, 100, 0), content)
        return fault

    def visible(self) -> dict[bytes, bytes | None]:
        """All files, links and folders of the tree with their content, private names apart."""
        found: dict[bytes, bytes | None] = {}
        for folder, folders, files in os.walk(self.root):
            folders[:] = [name for name in folders if name != b".peerstor"]
            for name in folders + files:
                place = os.path.join(folder, name)
                plain = os.path.isfile(place) and not os.path.islink(place)
                found[place[len(self.root) + 1 :]] = self.read(place[len(self.root) + 1 :]) if plain else None
        return found

    def parts(self) -> list[bytes]:
        """Names of the part files."""
        return os.listdir(self.at(b".peerstor/parts"))

    def trashed(self) -> list[bytes]:
        """Contents of the files in the trash."""
        found = []
        for folder, _, files in os.walk(self.at(b".peerstor/trash")):
            if folder != self.at(b".peerstor/trash"):
                for name in files:
                    with open(os.path.join(folder, name), "rb") as file:
                        found.append(file.read())
        return found


class NewNameTests(PublishCase):
    """Names that nothing has yet."""

    def test_published(self) -> None:
        """The file stands under its name, is the part itself, and the part's own name is gone."""
        os.mkdir(self.at(b"a"))
        part = self.part()
        done = self.publish("/a/file", part=part)
        self.assertEqual(done.path, path("/a/file"))
        self.assertFalse(done.replaced)
        found = os.stat(self.at(b"a/file"))
        self.assertEqual((found.st_ino, found.st_mtime_ns), (done.stat.st_ino, done.stat.st_mtime_ns))
        self.assertEqual(found.st_ino, os.fstat(part.fd).st_ino)
        self.assertEqual((found.st_nlink, stat.S_IMODE(found.st_mode)), (1, 0o644))
        self.assertEqual(self.parts(), [])
        self.assertEqual(self.trashed(), [])

    def test_any_policy(self) -> None:
        """A free name is free under every policy, and needs no right to replace."""
        for conflict in Conflict:
            self.publish(f"/{conflict.value}", conflict)
        self.assertEqual(self.visible(), {b"rename": b"new", b"replace": b"new", b"refuse": b"new"})

    def test_names_that_may_not_be_given(self) -> None:
        """Control characters, private and overlong names, folders' names and the root are refused."""
        for url in ("/a%0Ab", "/%7f", "/" + "n" * 256, "/x/", "/%c2%85"):
            self.refused(BadName, url)
        for url in ("/.peerstor", "/.PeerStor-x"):
            self.refused(NotFound, url)
        self.refused(Exists, "/")

    def test_no_parent(self) -> None:
        """The folder must be there."""
        self.write(b"file")
        self.refused(NoParent, "/absent/x")
        self.refused(NoParent, "/file/x")
        self.refused(NotFound, "/.peerstor/parts/x")

    def test_order_of_steps(self) -> None:
        """The data is synced before the name is given, the folder after, and only then the part's name goes."""
        steps: list[str] = []
        folder = os.stat(self.root).st_ino
        for function in ("fdatasync", "fsync", "link", "unlink"):
            real = getattr(os, function)

            def note(*args: Any, _name: str = function, _real: Any = real, **rest: Any) -> Any:
                if _name != "fsync" or os.fstat(args[0]).st_ino == folder:
                    steps.append(_name)
                return _real(*args, **rest)

            self.patch(os, function, note)
        self.publish(
            "/file",
            check=lambda found: steps.append(f"check {found}"),
            intent=lambda name: steps.append(f"intent {name.decode()}"),
        )
        self.assertEqual(steps, ["fdatasync", "check None", "intent file", "link", "fsync", "unlink"])

    def test_nothing_more_than_that(self) -> None:
        """A free name costs no sync but the two."""
        part, steps = self.part(), self.note_steps("fdatasync", "fsync")
        self.publish("/file", part=part)
        self.assertEqual(steps, [f"fdatasync {part.name.decode()}", "fsync storage"])

    def test_without_sync(self) -> None:
        """Where syncing is turned off, nothing is synced."""
        trash = Trash(private=self.private, sandbox=self.sandbox, fsync=False)
        publisher = Publisher(sandbox=self.sandbox, trash=trash, fsync=False)
        os.mkdir(self.at(b"bound"))
        self.part_devices(self.at(b"bound"))
        self.fail_os("fsync", errno.EIO)
        self.fail_os("fdatasync", errno.EIO)
        for target in (path("/file"), path("/bound/file")):
            publisher.publish(self.part(), target, conflict=Conflict.REFUSE, by="ann")
            publisher.publish(self.part(), target, conflict=Conflict.REPLACE, by="ann", may_replace=True)
            publisher.delete(target, by="ann")

    def test_folder_that_cannot_be_synced(self) -> None:
        """A file system that has no sync for folders is used all the same; one that fails is not trusted."""
        self.fail_os("fsync", errno.EINVAL)
        self.publish("/a")
        self.fail_os("fsync", errno.EIO)
        self.assertRaises(StorageUnavailable, self.publish, "/b")

    def test_taken_in_the_last_moment(self) -> None:
        """A name that another program takes just now is not overwritten; the policy decides anew."""
        self.interfere(1)
        self.assertEqual(self.publish("/file").path, path("/file%20(2)"))
        self.assertEqual(self.visible(), {b"file": b"theirs", b"file (2)": b"new"})
        self.interfere(1)
        self.assertRaises(Exists, self.publish, "/other", Conflict.REFUSE)
        self.assertEqual(self.read(b"other"), b"theirs")

    def test_always_taken(self) -> None:
        """One who takes every name first is left to it."""
        self.interfere(TRIES + 1)
        self.assertRaises(Exists, self.publish, "/file")

    def interfere(self, times: int) -> None:
        """Let another program take a name just before our link, so often."""
        left = [times]
        real = os.link

        def link(source: Any, target: Any, **rest: Any) -> None:
            if left[0]:
                left[0] -= 1
                self.write(target, b"theirs")
            real(source, target, **rest)

        self.patch(os, "link", link)


class ConflictTests(PublishCase):
    """Names that something has."""

    def setUp(self) -> None:
        super().setUp()
        self.write(b"a.txt", b"old")

    def test_rename(self) -> None:
        """The new one gets the first free number, and nothing else changes."""
        for number in range(2, 12):
            self.assertEqual(self.publish("/a.txt").path.name, b"a (%d).txt" % number)
        self.assertEqual(self.read(b"a.txt"), b"old")
        self.assertEqual(self.trashed(), [])

    def test_rename_is_quick_among_thousands(self) -> None:
        """The number of looks grows with the logarithm of the names that are taken."""
        for number in range(2, 3000):
            os.mknod(numbered(b"a.txt", number), dir_fd=self.root_fd)
        looks = []
        real = self.patch_os("stat", lambda *a, **k: (looks.append(1), real(*a, **k))[1])
        self.assertEqual(self.publish("/a.txt").path.name, b"a (3000).txt")
        self.assertLess(len(looks), 40)

    def test_rename_beside_folders_and_links(self) -> None:
        """Whatever has the name is no file to be lost: folders, hidden links, FIFOs."""
        os.mkdir(self.at(b"folder"))
        os.symlink(b"/etc/passwd", self.at(b"out"))
        os.mkfifo(self.at(b"fifo"))
        for name in ("folder", "out", "fifo"):
            self.assertEqual(self.publish("/" + name).path.name, name.encode() + b" (2)")

    def test_rename_of_a_name_that_may_not_be_given(self) -> None:
        """A number does not make a forbidden name fit to be given."""
        self.write(b"a\nb")
        self.refused(BadName, "/a%0Ab")

    def test_replace(self) -> None:
        """The new one takes the place in one step; the old one is in the trash."""
        done = self.publish("/a.txt", Conflict.REPLACE, may_replace=True)
        self.assertEqual((done.path, done.replaced), (path("/a.txt"), True))
        self.assertEqual(self.visible(), {b"a.txt": b"new"})
        self.assertEqual(self.trashed(), [b"old"])
        self.assertEqual(self.parts(), [])

    def test_order_of_steps(self) -> None:
        """What is replaced is on the disk as kept before the name goes to the new file."""
        self.write(b"file", b"old")
        part, steps = self.part(), self.note_steps("fdatasync", "fsync", "link", "rename")
        self.publish("/file", Conflict.REPLACE, part=part, may_replace=True)
        kept = ["link file", "fdatasync ID.json", "fsync ID", "fsync trash"]
        self.assertEqual(steps, [f"fdatasync {part.name.decode()}", *kept, "rename file", "fsync storage"])

    def test_replace_what_lies_there_under_a_forbidden_name(self) -> None:
        """A name that could not be given anew can keep being used."""
        self.write(b"a\nb", b"old")
        self.assertTrue(self.publish("/a%0Ab", Conflict.REPLACE, may_replace=True).replaced)

    def test_replace_without_the_right(self) -> None:
        """Who may only create is refused."""
        self.refused(Forbidden, "/a.txt", Conflict.REPLACE)

    def test_refuse(self) -> None:
        """The name is taken, and that is that."""
        self.refused(Exists, "/a.txt", Conflict.REFUSE, may_replace=True)

    def test_folders_are_never_replaced(self) -> None:
        """Neither a folder nor a link to one gives way to a file."""
        os.mkdir(self.at(b"folder"))
        os.symlink(b"folder", self.at(b"link"))
        for url in ("/folder", "/link"):
            self.refused(Exists, url, Conflict.REPLACE, may_replace=True)

    def test_never_through_a_link(self) -> None:
        """A link is replaced as a link: what it leads to, inside or outside, stays as it is."""
        outside = self.base + b"/outside"
        with open(outside, "wb") as file:
            file.write(b"precious")
        os.symlink(outside, self.at(b"out"))
        os.symlink(b"a.txt", self.at(b"in"))
        for url in ("/out", "/in"):
            self.assertTrue(self.publish(url, Conflict.REPLACE, may_replace=True).replaced)
        self.assertEqual(self.visible(), {b"a.txt": b"old", b"in": b"new", b"out": b"new"})
        with open(outside, "rb") as file:
            self.assertEqual(file.read(), b"precious")

    def test_conditions(self) -> None:
        """The check sees what a reader sees: the file, through a link too, or nothing; and it can refuse."""
        os.symlink(b"a.txt", self.at(b"in"))
        os.symlink(b"/etc/passwd", self.at(b"out"))
        seen: list[int | None] = []

        def check(found: os.stat_result | None) -> None:
            seen.append(found and found.st_size)

        for url in ("/a.txt", "/in", "/out", "/absent"):
            self.publish(url, check=check)
        self.assertEqual(seen, [3, 3, None, None])

        def fail(found: os.stat_result | None) -> None:
            raise PreconditionFailed()

        for conflict in Conflict:
            self.refused(PreconditionFailed, "/a.txt", conflict, may_replace=True, check=fail)

    def test_intent_that_fails(self) -> None:
        """When the intent cannot be written down nothing happens."""

        def fail(name: bytes) -> None:
            raise NoSpace()

        self.refused(NoSpace, "/a.txt", Conflict.REPLACE, may_replace=True, intent=fail)
        self.refused(NoSpace, "/b.txt", intent=fail)

    def test_failed_replacement_keeps_nothing(self) -> None:
        """When the rename fails the old file is in its place, and not in the trash as well."""
        self.fail_os("rename", errno.EIO)
        self.refused(StorageUnavailable, "/a.txt", Conflict.REPLACE, may_replace=True)
        self.assertEqual(os.listdir(self.at(b".peerstor/trash")), [])

    def test_two_at_once(self) -> None:
        """Publishers of one name from many threads each get one of their own, and none is lost."""
        parts = [self.part(b"%d" % number) for number in range(16)]
        start = threading.Barrier(len(parts))
        done: list[bytes] = []

        def run(part: Part) -> None:
            start.wait(10)
            done.append(self.publish("/same", part=part).path.name)

        self.run_all(run, parts)
        self.assertEqual(len(set(done)), len(parts))
        contents = [content for name, content in self.visible().items() if name.startswith(b"same")]
        self.assertCountEqual(contents, [b"%d" % number for number in range(16)])

    def test_two_replacements_at_once(self) -> None:
        """Of many replacements one stands in the end, whole, and all others are in the trash with the first."""
        parts = [self.part(b"%d" % number) for number in range(8)]
        self.run_all(lambda part: self.publish("/a.txt", Conflict.REPLACE, may_replace=True, part=part), parts)
        everything = [self.read(b"a.txt"), *self.trashed()]
        self.assertCountEqual(everything, [b"old", *(b"%d" % number for number in range(8))])

    def test_two_refusals_at_once(self) -> None:
        """Of many who will have the name or nothing, one gets it, also where there are no hard links."""
        self.fail_os("link", errno.EPERM)
        parts = [self.part(b"%d" % number) for number in range(8)]
        outcomes: list[object] = []

        def run(part: Part) -> None:
            try:
                outcomes.append(self.publish("/one", Conflict.REFUSE, part=part))
            except Exists:
                outcomes.append(None)

        self.run_all(run, parts)
        self.assertEqual(outcomes.count(None), 7)

    def test_one_at_a_time_in_a_folder(self) -> None:
        """While one chooses and takes a name, no other of the same folder looks at any."""
        second: list[str] = []
        thread = threading.Thread(
            target=lambda part: self.publish("/b.txt", part=part, check=lambda found: second.append("looked")),
            args=(self.part(),),
        )

        def intent(name: bytes) -> None:
            thread.start()
            (turn,) = self.publisher._turns._all.values()
            deadline = time.monotonic() + 10
            while turn.wanted_by < 2 and time.monotonic() < deadline:
                time.sleep(0.001)
            self.assertEqual((turn.wanted_by, second), (2, []))

        self.publish("/a.txt", intent=intent)
        thread.join(10)
        self.assertEqual(second, ["looked"])

    def run_all(self, run: Any, parts: list[Part]) -> None:
        """Call it in a thread for each, and wait for all."""
        threads = [threading.Thread(target=run, args=(part,)) for part in parts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)


class OtherDiskTests(PublishCase):
    """File systems that link and rename cannot reach, or that have no links."""

    def test_part_beside_the_target(self) -> None:
        """A part that lies on the target's own file system is published like any other."""
        self.mount(b"usb")
        self.publish("/usb/file", part=self.part(beside=b"usb"))
        self.write(b"usb/old", b"old")
        done = self.publish("/usb/old", Conflict.REPLACE, may_replace=True, part=self.part(beside=b"usb"))
        self.assertTrue(done.replaced)
        self.assertEqual((self.read(b"usb/file"), self.read(b"usb/old")), (b"new", b"new"))
        kept = [name for name in os.listdir(self.at(b"usb")) if name.endswith(b".trash")]
        self.assertEqual([self.read(b"usb/" + name) for name in kept], [b"old"])

    def crossing(self) -> None:
        """From the private folder across: a copy beside the target does it, and only the file remains."""
        self.write(b"usb/old", b"old")
        first = self.part(b"x" * 3_000_000)
        self.assertEqual(self.publish("/usb/new", part=first).stat.st_size, 3_000_000)
        self.assertEqual(self.publish("/usb/old").path.name, b"old (2)")
        self.assertTrue(self.publish("/usb/old", Conflict.REPLACE, may_replace=True).replaced)
        names = [name for name in os.listdir(self.at(b"usb")) if not name.endswith(b".trash")]
        self.assertCountEqual(names, [b"new", b"old", b"old (2)"])
        self.assertEqual(self.read(b"usb/new"), b"x" * 3_000_000)
        self.assertEqual(self.read(b"usb/old"), b"new")
        self.assertEqual(self.parts(), [])
        self.assertEqual(stat.S_IMODE(os.stat(self.at(b"usb/new")).st_mode), 0o644)

    def test_another_file_system(self) -> None:
        """A nested mount."""
        self.mount(b"usb")
        self.crossing()

    def test_bind_mount(self) -> None:
        """The same device, and yet no way for link and rename."""
        os.mkdir(self.at(b"usb"))
        self.part_devices(self.at(b"usb"))
        self.crossing()

    def test_refusal_after_the_copy(self) -> None:
        """A refusal there removes the copy and leaves the part."""
        self.mount(b"usb")
        self.write(b"usb/old", b"old")
        self.refused(Exists, "/usb/old", Conflict.REFUSE)
        self.assertEqual(os.listdir(self.at(b"usb")), [b"old"])

    def test_copy_fails(self) -> None:
        """A disk that is full over there is told, with what is free there, and no half copy stays."""
        self.mount(b"usb")
        self.fail_os("pwrite", errno.ENOSPC)
        fault = self.refused(NoSpace, "/usb/new")
        self.assertIsInstance(fault.free, int)
        self.assertEqual(os.listdir(self.at(b"usb")), [])

    def test_without_hard_links(self) -> None:
        """Where there are none, new names, numbers and replacements work by renaming."""
        self.fail_os("link", errno.EPERM)
        self.write(b"old", b"old")
        self.assertEqual(self.publish("/file").path.name, b"file")
        self.assertEqual(self.publish("/file").path.name, b"file (2)")
        self.assertTrue(self.publish("/old", Conflict.REPLACE, may_replace=True).replaced)
        self.assertEqual(self.visible(), {b"file": b"new", b"file (2)": b"new", b"old": b"new"})
        self.assertEqual(self.trashed(), [b"old"])
        self.assertEqual(self.parts(), [])

    def test_without_hard_links_and_taken_in_the_last_moment(self) -> None:
        """A name that another program took between the first look and the last is not overwritten."""

        def link(source: Any, target: Any, **rest: Any) -> None:
            if not os.path.exists(self.at(b"file")):
                self.write(b"file", b"theirs")
            raise OSError(errno.EPERM, "no links here")

        self.patch(os, "link", link)
        self.assertEqual(self.publish("/file").path.name, b"file (2)")
        self.assertEqual(self.read(b"file"), b"theirs")


class FaultTests(PublishCase):
    """Each call of the system made to fail once."""

    CALLS = ("fdatasync", "fsync", "link", "rename", "unlink", "mkdir", "open", "stat", "fstat", "rmdir")
    ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO, errno.EMFILE)

    def test_every_call_with_every_error(self) -> None:
        """The answer is a fault, and the name has the old content or the new, never another."""
        for conflict in Conflict:
            for call in self.CALLS:
                for number in self.ERRORS:
                    for nth in range(1, 12):
                        if not self.once(conflict, call, number, nth):
                            break

    def once(self, conflict: Conflict, call: str, number: int, nth: int) -> bool:
        """One attempt with one failure; False when the call was not made so often."""
        self.write(b"file", b"old")
        part = self.part()
        count = [0]

        def fails(*args: Any, **rest: Any) -> bool:
            count[0] += 1
            return count[0] == nth

        real = getattr(os, call)
        self.fail_os(call, number, when=fails)
        try:
            self.publish("/file", conflict, part=part, may_replace=True)
        except Fault as fault:
            self.assertIsInstance(fault, NoSpace | StorageUnavailable | Overloaded | Exists | Forbidden | NotFound)
        finally:
            setattr(os, call, real)
        found = self.visible()
        self.assertIn(found.pop(b"file"), (b"old", b"new"), (conflict, call, number, nth))
        self.assertIn(list(found.values()), ([], [b"new"]), (conflict, call, number, nth))
        for name in found:
            os.unlink(self.at(name))
        for name in self.parts():
            os.unlink(self.at(b".peerstor/parts/" + name))
        return count[0] >= nth

    def test_full_disk(self) -> None:
        """A full disk is told with what is free, wherever it shows."""
        for call in ("link", "fdatasync"):
            self.fail_os(call, errno.ENOSPC)
            self.assertIsInstance(self.refused(NoSpace, "/file").free, int)

    def test_read_only_disk(self) -> None:
        """Without rights to write it is the storage that is unavailable, not the client that is forbidden."""
        for number in (errno.EROFS, errno.EACCES, errno.EPERM):
            self.fail_os("link", number)
            self.fail_os("rename", number)
            self.refused(StorageUnavailable, "/file")

    def test_folder_removed_meanwhile(self) -> None:
        """A folder that goes between the look and the link is no parent any more."""
        os.mkdir(self.at(b"a"))
        part = self.part()
        self.assertRaises(
            NoParent, self.publish, "/a/file", part=part, intent=lambda name: os.rmdir(self.at(b"a"))
        )
        self.assertIn(part.name, self.parts())

    def test_lost_part(self) -> None:
        """A part whose name somebody removed is the storage's failure; the old file stands."""
        self.write(b"file", b"old")
        part = self.part()
        os.unlink(part.name, dir_fd=part.dir_fd)
        for conflict in (Conflict.RENAME, Conflict.REPLACE):
            self.assertRaises(StorageUnavailable, self.publish, "/file", conflict, part=part, may_replace=True)
        self.assertEqual(self.visible(), {b"file": b"old"})


class DeleteTests(PublishCase):
    """`delete`."""

    def delete(self, url: str, **rest: Any) -> None:
        """Delete a URL."""
        self.publisher.delete(path(url), by="ann", **rest)

    def test_file_and_folder(self) -> None:
        """Both go to the trash whole."""
        self.write(b"file", b"one")
        self.write(b"folder/below/file", b"two")
        self.delete("/file")
        self.delete("/folder/")
        self.assertEqual(self.visible(), {})
        self.assertCountEqual(self.trashed(), [b"one", b"two"])

    def test_order_of_steps(self) -> None:
        """The note is on the disk before the file goes, and that the trash has it before that its folder hasn't."""
        self.write(b"file", b"one")
        steps = self.note_steps("fdatasync", "fsync", "rename")
        self.delete("/file")
        self.assertEqual(steps, ["fdatasync ID.json", "fsync trash", "rename file", "fsync ID", "fsync storage"])

    def test_not_settled(self) -> None:
        """Where it isn't sure that the trash has it after a power cut, that is told; it is in the trash."""
        self.write(b"file", b"one")
        real = os.rename

        def rename(*args: Any, **rest: Any) -> None:
            real(*args, **rest)
            self.fail_os("fsync", errno.EIO)

        self.patch(os, "rename", rename)
        self.assertRaises(StorageUnavailable, self.delete, "/file")
        self.assertEqual((self.visible(), self.trashed()), ({}, [b"one"]))

    def test_named_as_what_it_is(self) -> None:
        """A file with a slash is absent, a folder without one is said to be a folder; the root stays."""
        self.write(b"folder/file")
        self.assertRaises(NotFound, self.delete, "/folder/file/")
        self.assertRaises(IsFolder, self.delete, "/folder")
        self.assertRaises(Forbidden, self.delete, "/")

    def test_absent(self) -> None:
        """What no reader sees cannot be deleted: absent, private, special, leaving."""
        self.write(b"file")
        os.mkfifo(self.at(b"fifo"))
        os.symlink(b"/etc/passwd", self.at(b"out"))
        for url in ("/x", "/x/y", "/file/x", "/.peerstor/", "/.peerstor/lock", "/fifo", "/out", "/" + "n" * 300):
            self.assertRaises(NotFound, self.delete, url)
        self.assertTrue(os.path.islink(self.at(b"out")))

    def test_links(self) -> None:
        """Of a link the link goes, and what it leads to stays."""
        self.write(b"folder/file")
        os.symlink(b"folder/file", self.at(b"link"))
        os.symlink(b"folder", self.at(b"way"))
        self.delete("/link")
        self.delete("/way/")
        self.assertEqual(self.visible(), {b"folder": None, b"folder/file": b"content"})

    def test_condition(self) -> None:
        """The check sees the present file and can refuse."""
        self.write(b"file", b"12345")
        seen = []

        def check(found: os.stat_result | None) -> None:
            seen.append(found and found.st_size)
            raise PreconditionFailed()

        self.assertRaises(PreconditionFailed, self.delete, "/file", check=check)
        self.assertEqual((seen, self.visible()), ([5], {b"file": b"12345"}))

    def test_two_at_once(self) -> None:
        """Another program that is faster leaves nothing to delete."""
        self.write(b"file")
        self.assertRaises(NotFound, self.delete, "/file", check=lambda found: os.unlink(self.at(b"file")))
        self.assertEqual(os.listdir(self.at(b".peerstor/trash")), [])

    def test_trash_gone(self) -> None:
        """A trash that somebody removed is the storage's failure, not an absent file."""
        self.write(b"file")
        os.rmdir(self.at(b".peerstor/trash"))
        self.assertRaises(StorageUnavailable, self.delete, "/file")
        self.assertEqual(self.visible(), {b"file": b"content"})

    def test_failing_disk(self) -> None:
        """Errors are faults, and the file is in its place."""
        self.write(b"file")
        for number, kind in (
            (errno.EIO, StorageUnavailable),
            (errno.ENOSPC, NoSpace),
            (errno.EROFS, StorageUnavailable),
        ):
            self.fail_os("rename", number)
            self.assertRaises(kind, self.delete, "/file")
            self.assertEqual(self.visible(), {b"file": b"content"})
        self.assertEqual(os.listdir(self.at(b".peerstor/trash")), [])

    def test_on_a_mount(self) -> None:
        """A file on a nested mount can be deleted, and is seen no more."""
        self.mount(b"usb")
        self.write(b"usb/file")
        self.delete("/usb/file")
        self.assertRaises(NotFound, self.sandbox.open, path("/usb/file"))


class RecoverTests(PublishCase):
    """`recover`."""

    def test_linked(self) -> None:
        """A part that had got its name is recognised by its inode, and loses its own."""
        part = self.part()
        os.link(part.name, b"file", src_dir_fd=part.dir_fd, dst_dir_fd=self.root_fd)
        self.assertTrue(self.publisher.recover(part, path("/file")))
        self.assertEqual((self.parts(), self.visible()), ([], {b"file": b"new"}))

    def test_not_yet(self) -> None:
        """An absent name, another file, a folder or a link there, or no folder: it was not published."""
        self.write(b"other", b"old")
        self.write(b"longer", b"longer")
        os.mkdir(self.at(b"folder"))
        os.symlink(b"other", self.at(b"link"))
        part = self.part()
        for url in ("/absent", "/other", "/longer", "/folder", "/link", "/no/folder", "/.peerstor/x"):
            self.assertFalse(self.publisher.recover(part, path(url)), url)
        self.assertEqual(self.parts(), [part.name])

    def test_copied(self) -> None:
        """A copy is recognised by its bytes, across file systems, and what was left of the way goes."""
        content = b"x" * 2_500_000
        part = self.part(content)
        self.mount(b"usb")
        self.write(b"usb/file", content)
        self.write(b"usb/.peerstor-%s.copy" % part.name, content)
        self.assertTrue(self.publisher.recover(part, path("/usb/file")))
        self.assertEqual((self.parts(), os.listdir(self.at(b"usb"))), ([], [b"file"]))

    def test_differs_at_the_end(self) -> None:
        """One byte makes another file."""
        part = self.part(b"x" * 2_500_000)
        self.write(b"file", b"x" * 2_499_999 + b"y")
        self.assertFalse(self.publisher.recover(part, path("/file")))

    def test_storage_away(self) -> None:
        """While the storage is away there is no answer."""
        part = self.part()
        os.rename(self.root, self.base + b"/away")
        self.assertRaises(StorageUnavailable, self.publisher.recover, part, path("/file"))
