"""Rules of exchanging files: all of them or none."""

import errno
import os
import signal
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from peerstor.commands.exchange import Moves, signals_held
from tests.scratch import scratch_folder


class MovesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = os.fsencode(scratch_folder(self))
        os.mkdir(self.at(b"new"))
        for name in (b"a", b"b"):
            with open(self.at(name), "wb") as file:
                file.write(name)
        self.moves = Moves([(self.at(name), self.at(b"new/" + name)) for name in (b"a", b"b")])

    def at(self, name: bytes) -> bytes:
        return os.path.join(self.folder, name)

    def names(self) -> list[bytes]:
        return sorted([*os.listdir(self.folder), *os.listdir(self.at(b"new"))])

    def test_there_and_back(self) -> None:
        """What was made is undone, and where nothing was made nothing is."""
        self.moves.take_back()
        self.assertEqual(os.listdir(self.at(b"new")), [])
        self.moves.make()
        self.assertEqual(sorted(os.listdir(self.at(b"new"))), [b"a", b"b"])
        self.moves.take_back()
        self.assertEqual(os.listdir(self.at(b"new")), [])
        self.assertEqual(self.names(), [b"a", b"b", b"new"])

    def test_folders_that_cannot_be_synced(self) -> None:
        """Some network and FUSE file systems can't: theirs is the choice, and the files are exchanged."""
        self.patch(os, "fsync", mock.Mock(side_effect=OSError(errno.EINVAL, "no")))
        self.moves.make()
        self.assertEqual(sorted(os.listdir(self.at(b"new"))), [b"a", b"b"])

    def test_anything_raised(self) -> None:
        """What is raised before a rename or behind it makes no difference to what is undone."""
        real = os.rename
        for last, made in ((b"a", False), (b"a", True), (b"b", False), (b"b", True)):

            def rename(source: bytes, target: bytes, last: bytes = last, made: bool = made) -> None:
                if source != self.at(last) or made:
                    real(source, target)
                if source == self.at(last):
                    raise KeyboardInterrupt

            moves = Moves([(self.at(name), self.at(b"new/" + name)) for name in (b"a", b"b")])
            self.patch(os, "rename", rename)
            self.assertRaises(KeyboardInterrupt, moves.make)
            self.patch(os, "rename", real)
            moves.take_back()
            self.assertEqual(os.listdir(self.at(b"new")), [])

    def test_somebody_else(self) -> None:
        """A file that isn't at the one end alone is a fault: nobody knows whose is whose."""
        self.moves.make()
        with open(self.at(b"a"), "wb"):
            pass
        self.assertRaises(OSError, self.moves.take_back)
        os.unlink(self.at(b"a"))
        os.unlink(self.at(b"new/a"))
        self.assertRaises(OSError, self.moves.take_back)


class SignalsTests(SynchronousTestCase):
    def test_held(self) -> None:
        """A signal that comes meanwhile is obeyed afterwards, also when what was done has failed; then none is held."""
        heard: list[int] = []
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            before = signal.signal(number, lambda number, _: heard.append(number))
            self.addCleanup(signal.signal, number, before)
            heard.clear()
            with self.assertRaises(ZeroDivisionError), signals_held():
                signal.raise_signal(number)  # to this thread, as a process of one has it
                self.assertEqual(heard, [])
                raise ZeroDivisionError
            self.assertEqual(heard, [number])
        self.assertEqual(signal.pthread_sigmask(signal.SIG_BLOCK, ()), set())
