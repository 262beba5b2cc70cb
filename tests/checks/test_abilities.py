"""Rules of trying what a file system can do, on real ones that can and can't."""

import errno
import fcntl
import os
import sqlite3
import subprocess
from typing import Any
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from peerstor.checks import abilities
from peerstor.checks.abilities import (
    check_case,
    check_links,
    check_locks,
    check_modes,
    check_names,
    check_renaming,
    check_syncing,
    check_times,
)
from peerstor.checks.findings import Level
from peerstor.checks.instance import check_locking
from peerstor.daemon.scratch import scratch_folder
from tests.integration.mounts import mount
from tests.scratch import scratch_folder as new_folder


class AbilityCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = os.fsencode(new_folder(self))

    def vfat(self) -> bytes:
        """Mount a FAT file system, as memory cards have."""
        with open("/proc/filesystems") as known:
            if "vfat" not in known.read():
                raise SkipTest("impossible here: the kernel has no FAT; its ways are shown one by one below")
        image, folder = os.path.join(new_folder(self), "image"), new_folder(self)
        with open(image, "wb") as file:
            file.truncate(8 * 2**20)
        subprocess.run(["mkfs.vfat", image], check=True, capture_output=True)
        mount(self, "-o", "loop", image, folder)
        return os.fsencode(folder)


class OrdinaryTests(AbilityCase):
    def test_all_is_well(self) -> None:
        """An ordinary file system can everything."""
        for check in (
            check_renaming,
            check_syncing,
            lambda folder: check_modes(folder, needed=True),
            check_case,
            check_links,
            check_names,
            check_times,
            check_locks,
            check_locking,
        ):
            with scratch_folder(self.root) as folder:
                found = check(folder)
                self.assertIs(found.level, Level.OK, found)
        self.assertEqual(os.listdir(self.root), [])


class FatTests(AbilityCase):
    def test_memory_card(self) -> None:
        """FAT keeps no permissions, has no links, one case and times to 2 s, and is said so."""
        with scratch_folder(self.vfat()) as folder:
            self.assertIs(check_renaming(folder).level, Level.OK)
            self.assertIs(check_modes(folder, needed=False).level, Level.WARNING)
            os.unlink(folder + b"/closed")
            self.assertIs(check_modes(folder, needed=True).level, Level.WRONG)
            links = check_links(folder)
            self.assertEqual(links.level, Level.WARNING)
            self.assertIn("no symbolic and no hard links", links.text)
            self.assertIs(check_case(folder).level, Level.WARNING)
            times = check_times(folder)
            self.assertEqual(times.level, Level.WARNING)
            self.assertIn("2 s", times.text)
            self.assertIs(check_names(folder).level, Level.WARNING)


class FailingTests(AbilityCase):
    def test_syncing(self) -> None:
        """A file system that can't sync is told which of both it can't."""

        def refuse(fd: int) -> None:
            if os.path.isdir(f"/proc/self/fd/{fd}"):
                raise OSError(errno.EINVAL, "Invalid argument")

        found = check_syncing(self.root, refuse)
        self.assertIs(found.level, Level.WARNING)
        self.assertIn("force names", found.text)

    def test_renaming(self) -> None:
        """One that doesn't replace what is there is wrong."""

        def rename(source: bytes, target: bytes) -> None:
            raise OSError(errno.EEXIST, "File exists")

        self.patch(abilities.os, "rename", rename)
        self.assertIs(check_renaming(self.root).level, Level.WRONG)

    def test_permissions(self) -> None:
        """One that keeps no permissions is wrong where secrets are to lie there, else a warning."""
        self.patch(abilities.os, "fstat", lambda fd: os.stat_result((0o100755, *[0] * 9)))
        for needed, level in ((True, Level.WRONG), (False, Level.WARNING)):
            with scratch_folder(self.root) as folder:
                self.assertIs(check_modes(folder, needed=needed).level, level)

    def test_no_links(self) -> None:
        """One without links is told which."""

        def refuse(*arguments: object) -> None:
            raise OSError(errno.EPERM, "Operation not permitted")

        self.patch(abilities.os, "link", refuse)
        self.assertIn("no hard links", check_links(self.root).text)
        self.patch(abilities.os, "symlink", refuse)
        os.unlink(self.root + b"/symbolic")
        self.assertIn("no symbolic and no hard links", check_links(self.root).text)

    def test_one_case(self) -> None:
        """One that finds a file under another case is a warning."""
        self.patch(abilities.os.path, "lexists", lambda path: True)
        self.assertIs(check_case(self.root).level, Level.WARNING)

    def test_coarse_times(self) -> None:
        """One that keeps times to two seconds is a warning that says so."""
        real = os.utime
        self.patch(
            abilities.os, "utime", lambda path, ns: real(path, ns=(ns[0], ns[1] // 2_000_000_000 * 2_000_000_000))
        )
        found = check_times(self.root)
        self.assertEqual((found.level, "2 s" in found.text), (Level.WARNING, True))

    def test_text_only(self) -> None:
        """One that takes names in UTF-8 alone is a warning."""
        real = abilities._write

        def write(path: bytes, content: bytes) -> None:
            if b"\xff" in path:
                raise OSError(errno.EILSEQ, "Invalid or incomplete multibyte or wide character")
            real(path, content)

        self.patch(abilities, "_write", write)
        found = check_names(self.root)
        self.assertEqual((found.level, "UTF-8" in found.text), (Level.WARNING, True))

    def test_short_names(self) -> None:
        """Names that may not be as long as PeerStor takes are a warning with the length."""
        real = abilities._write

        def write(path: bytes, content: bytes) -> None:
            if len(os.path.basename(path)) > 143:  # as encrypted folders have it
                raise OSError(errno.ENAMETOOLONG, "File name too long")
            real(path, content)

        self.patch(abilities, "_write", write)
        found = check_names(self.root)
        self.assertEqual((found.level, "143 bytes" in found.text), (Level.WARNING, True))

    def test_locks_without_effect(self) -> None:
        """Locks that don't keep another process out are wrong."""
        real = sqlite3.connect

        def connect(path: bytes, **rest: Any) -> sqlite3.Connection:
            return real(f"file:{os.fsdecode(path)}?nolock=1", uri=True, **rest)

        self.patch(abilities.sqlite3, "connect", connect)
        found = check_locks(self.root)
        self.assertIs(found.level, Level.WRONG)
        self.assertIn("don't keep two processes apart", found.text)

    def test_no_other_process(self) -> None:
        """Where no other process can be had to try the locks, that is a warning, and none of the locks."""
        for program in ("/nowhere/python", "/bin/false"):
            self.patch(abilities.sys, "executable", program)
            with scratch_folder(self.root) as folder:
                found = check_locks(folder)
            self.assertEqual((found.level, "can't be tried" in found.text), (Level.WARNING, True))

    def test_locks_that_fail(self) -> None:
        """A file system on which SQLite can't work at all is wrong."""
        found = check_locks(self.root + b"/absent")
        self.assertIs(found.level, Level.WRONG)

    def test_no_claim(self) -> None:
        """Without flock no server starts, and with one that holds nobody off two may."""

        def none(fd: int, how: int) -> None:
            raise OSError(errno.ENOLCK, "No locks available")

        self.patch(fcntl, "flock", lambda fd, how: None)
        self.assertIs(check_locking(self.root).level, Level.WARNING)
        self.patch(fcntl, "flock", none)
        self.assertIs(check_locking(self.root).level, Level.WRONG)
