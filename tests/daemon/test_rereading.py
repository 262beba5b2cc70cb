"""Rules of reading the settings again."""

import os

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from peerstor.config.live import LiveSettings
from peerstor.config.sources import Sources
from peerstor.daemon import rereading
from peerstor.daemon.rereading import Rereading
from tests.fakes import ImmediateThreads
from tests.scratch import scratch_folder


class RereadingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = scratch_folder(self)
        self.path = f"{self.folder}/c.toml"
        self.write("max-upload = 1\nport = 81\n")
        sources = Sources(command_line={"drain": "2"}, environ={"PEERSTOR_HSTS": "3"}, file=self.path)
        self.live = LiveSettings(sources.read().settings)
        self.before = self.live.now
        self.rereading = Rereading(sources=sources, live=self.live, threads=ImmediateThreads())
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def write(self, text: str) -> None:
        with open(self.path, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(text)

    def reload(self, text: str) -> list[tuple[LogLevel, str]]:
        """Have another file read, and give what the log says of it."""
        self.events.clear()
        self.write(text)
        self.successResultOf(Deferred.fromCoroutine(self.rereading.reload()))
        ours = [event for event in self.events if event.get("log_namespace") == rereading.__name__]
        return [(event["log_level"], formatEvent(event)) for event in ours]

    def test_changes(self) -> None:
        """What can change does; what can't is named in one line."""
        said = self.reload('max-upload = 2\nport = 82\nstate = "s"\n')
        self.assertEqual(self.live.now.max_upload, 2)
        self.assertEqual((self.live.now.port, self.live.now.state), (81, None))
        self.assertEqual(
            said,
            [
                (LogLevel.info, "settings that have changed: max-upload"),
                (
                    LogLevel.warn,
                    f"Settings that have changed in {self.path} and hold only after a restart: port, state.",
                ),
            ],
        )

    def test_key_taken_away(self) -> None:
        """A key that stands in the file no more leaves its default."""
        self.reload("port = 81\n")
        self.assertIsNone(self.live.now.max_upload)

    def test_the_rest_has_the_last_word(self) -> None:
        """What the command line and the environment said holds against the file, now as at the start."""
        said = self.reload("max-upload = 1\nport = 81\ndrain = 9\nhsts = 9\n")
        self.assertEqual(said, [(LogLevel.info, "no setting has changed")])
        self.assertEqual(self.live.now, self.before)

    def test_wrong(self) -> None:
        """A file that is wrong is one line, and nothing changes: not even what is right in it."""
        for text, words in (
            ("max-upload = 2\nprot = 1\n", "did you mean port?"),
            ("max-upload = 2\nmax-upload", "can't be read"),
            ("max-upload = 2\nhttps = true\nhttps-port = 1\n", "not both"),
            ('max-upload = 2\naccess-log = "missing/a.log"\n', "can't be written"),
        ):
            with self.subTest(text=text):
                ((level, line),) = self.reload(text)
                self.assertIs(level, LogLevel.error)
                self.assertIn(words, line)
                self.assertEqual(self.live.now, self.before)

    def test_exposed(self) -> None:
        """A log in the storage that is served is wrong as well, and nothing is made there."""
        os.mkdir(f"{self.folder}/data")
        self.live.now = self.before = evolve(self.live.now, storage=f"{self.folder}/data")
        for log in ("access-log", "audit-log"):
            ((level, line),) = self.reload(f'{log} = "data/x"\nstorage = "other"\n')
            self.assertIs(level, LogLevel.error)
            self.assertIn(f"log {self.folder}/data/x lies in the storage, where clients reach it", line)
            self.assertIn(f"--{log} FILE", line)
            self.assertEqual(self.live.now, self.before)
        self.assertEqual(os.listdir(f"{self.folder}/data"), [])

    def test_secret(self) -> None:
        """A secret is no word of the log, and one that has come to be readable for all is warned of."""
        self.write("")
        os.chmod(self.path, 0o644)
        said = self.reload('token = "0123456789"\nmax-upload = 1\nport = 81\n')
        self.assertEqual([level for level, _ in said], [LogLevel.warn, LogLevel.warn])
        self.assertNotIn("0123456789", str(said))
