"""Rules of settings that change while the server runs."""

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from peerstor.config.live import LiveSettings
from peerstor.settings import Settings


class LiveTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.live = LiveSettings(Settings())
        self.told: list[Settings] = []

    def test_what_can(self) -> None:
        """What can change holds at once, and whoever follows is told once; the rest is only named."""
        self.live.follow(self.told.append)
        before = self.live.now
        changes = self.live.change(
            evolve(before, max_upload="1K", gzip=False, port=81, storage="/s", token="0123456789")
        )
        self.assertEqual((changes.made, changes.waiting), (("gzip", "max-upload"), ("port", "storage", "token")))
        self.assertEqual(self.live.now, evolve(before, max_upload=1024, gzip=False))
        self.assertEqual(self.told, [self.live.now])

    def test_nothing(self) -> None:
        """The same settings once more, or only such as need a restart, are told to nobody."""
        self.live.follow(self.told.append)
        changes = self.live.change(Settings())
        self.assertEqual((changes.made, changes.waiting), ((), ()))
        self.live.change(evolve(self.live.now, host="::1"))
        self.assertEqual(self.told, [])

    def test_again(self) -> None:
        """What waits for a restart is named each time, and no more when it is taken back."""
        for _ in range(2):
            self.assertEqual(self.live.change(evolve(Settings(), port=81)).waiting, ("port",))
        self.assertEqual(self.live.change(Settings()).waiting, ())

    def test_follower_that_fails(self) -> None:
        """A part that fails keeps no other from hearing of it."""

        def fail(_: Settings) -> None:
            raise ZeroDivisionError

        self.live.follow(fail)
        self.live.follow(self.told.append)
        self.live.change(evolve(self.live.now, drain=1))
        self.assertEqual(len(self.told), 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
