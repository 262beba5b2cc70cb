"""Rules of the file of the server's own log."""

import os
import signal
import threading
import time

from twisted.internet.defer import Deferred
from twisted.logger import LogEvent, Logger, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from peerstor.daemon import logfile as module
from peerstor.daemon.logfile import LogFile
from peerstor.errors import StartupError
from tests.scratch import scratch_folder


class LogFileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = scratch_folder(self)
        self.path = f"{self.folder}/log"
        self.log = LogFile(self.path)
        self.addCleanup(self.log.close)
        self.addCleanup(signal.signal, signal.SIGUSR1, signal.getsignal(signal.SIGUSR1))

    def content(self, name: str = "log") -> str:
        with open(f"{self.folder}/{name}") as file:
            return file.read()

    def reopen(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.log.reopen()))

    def test_appends(self) -> None:
        """What is there stays, and events stand behind it, as twistd writes them."""
        with open(self.path, "w") as file:
            file.write("before\n")
        self.log.open()
        Logger().info("one {x}", x="\udc80é")
        first, second = self.content().splitlines()
        self.assertEqual(first, "before")
        self.assertTrue(second.endswith("one \\udc80é"), second)
        self.log.close()
        Logger().info("nobody writes this")
        self.assertNotIn("nobody", self.content())

    def test_gathered(self) -> None:
        """What is logged before it is opened stands in it as well, in order; until then there is no file."""
        self.log.gather()
        Logger().info("first")
        self.assertFalse(os.path.exists(self.path))
        self.log.open()
        Logger().info("second")
        self.assertEqual([line.split()[-1] for line in self.content().splitlines()], ["first", "second"])

    def test_renamed(self) -> None:
        """After a rename lines go on into the renamed file until it is opened again, then into the new one."""
        self.log.open()
        self.log.write("1\n")
        os.rename(self.path, f"{self.path}.1")
        self.log.write("2\n")
        self.reopen()
        self.log.write("3\n")
        self.assertEqual((self.content("log.1"), self.content()), ("1\n2\n", "3\n"))

    def test_emptied(self) -> None:
        """After somebody has emptied it, it begins anew, without a hole."""
        self.log.open()
        self.log.write("1\n")
        os.truncate(self.path, 0)
        self.log.write("2\n")
        self.assertEqual(self.content(), "2\n")

    def test_old_signal(self) -> None:
        """The signal by which twistd rotates its own opens this one again."""
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)
        self.log.open()
        os.rename(self.path, f"{self.path}.1")
        os.kill(os.getpid(), signal.SIGUSR1)
        self.assertEqual(self.content(), "")

    def test_other_handler(self) -> None:
        """Somebody else's handler of that signal stays."""
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        self.log.open()
        self.assertEqual(signal.getsignal(signal.SIGUSR1), signal.SIG_IGN)

    def test_cannot_be_opened_again(self) -> None:
        """Where the new file can't be opened, nothing is lost: lines go on into the old one, and that is said."""
        events: list[LogEvent] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        self.log.open()
        os.rename(self.path, f"{self.path}.1")
        os.mkdir(self.path)
        self.reopen()
        self.log.write("2\n")
        said, last = self.content("log.1").splitlines()
        self.assertIn("go on into the file of before", said)
        self.assertEqual(last, "2")
        self.assertEqual(len([event for event in events if event.get("log_namespace") == module.__name__]), 1)

    def test_refused(self) -> None:
        """A log that can't be written at the start is one line."""
        for path, words in ((self.folder, "Is a directory"), (f"{self.folder}/no/log", "No such file")):
            with self.assertRaises(StartupError) as caught:
                LogFile(path).open()
            self.assertIn(words, str(caught.exception))

    def test_threads(self) -> None:
        """While it is opened again and again, no line of any thread is lost or cut."""
        self.log.open()
        written = dict.fromkeys("abc", 0)
        over = threading.Event()

        def write(name: str) -> None:
            while not over.is_set():
                self.log.write(f"{name} {written[name]}\n")
                written[name] += 1

        threads = [threading.Thread(target=write, args=(name,)) for name in written]
        for thread in threads:
            thread.start()
        for turn in range(50):
            time.sleep(0.002)
            os.rename(self.path, f"{self.path}.{turn}")
            self.reopen()
        over.set()
        for thread in threads:
            thread.join()
        files = ["log", *(f"log.{turn}" for turn in range(50))]
        lines = [line for name in files for line in self.content(name).splitlines()]
        self.assertGreater(sum(map(bool, map(self.content, files))), 5)
        expected = [f"{name} {number}" for name, count in written.items() for number in range(count)]
        self.assertEqual(sorted(lines), sorted(expected))
