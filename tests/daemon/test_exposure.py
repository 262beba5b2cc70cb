"""Rules of what of the server's own may lie where."""

import os

from twisted.trial.unittest import SynchronousTestCase

from peerstor.daemon.exposure import PRIVATE, lies_in, owns, refuse_exposed
from peerstor.errors import StartupError
from peerstor.settings import Settings
from peerstor.tree.private import NAME
from tests.integration.mounts import mount
from tests.scratch import scratch_folder


class PlaceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = os.fsencode(os.path.realpath(scratch_folder(self)))
        self.storage = self.at(b"s")
        for name in (b"s/x", b"s/.peerstor/x", b"s/y/.peerstor", b"other/x", b"s-too"):
            os.makedirs(self.at(name))
        for link, target in (
            (b"to-s", b"s"),
            (b"to-x", b"s/x"),
            (b"s/out", b"other"),
            (b"s/.peerstor/in", b"s/x"),
            (b"s/.peerstor/out", b"other"),
            (b"s/inner", b"s/.peerstor"),
            (b"lost", b"s/none"),
        ):
            os.symlink(self.at(target), self.at(link))

    def at(self, name: bytes) -> bytes:
        return os.path.join(self.folder, name)

    def test_one_name(self) -> None:
        """The private folder is called here as it is where it is made."""
        self.assertEqual(PRIVATE, NAME)

    def test_ways(self) -> None:
        """What lies in the storage by its name or where that leads is in it, but for the private folder at its root."""
        inside = (
            b"s s/ s/x s/x/y s/none/x s/.peerstor/../x s/.Peerstor s/.peerstor-x s/y/.peerstor to-s to-s/x to-x to-x/y"
            b" s/out s/out/x s/.peerstor/in s/.peerstor/in/x s/inner s/inner/x lost lost/x"
        )
        outside = b"other other/x s-too none s/.peerstor s/.peerstor/x s/.peerstor/none/x s/.peerstor/out to-s/.peerstor/x"
        for storage in (self.storage, self.at(b"to-s")):
            for name in inside.split():
                self.assertTrue(lies_in(self.at(name), storage), name)
            for name in (*outside.split(), b"/", b"/none", b"../s"):
                self.assertFalse(lies_in(self.at(name), storage), name)

    def test_absent(self) -> None:
        """A storage that isn't there yet is known by its name."""
        for name, found in ((b"new", True), (b"new/x", True), (b"new/.peerstor/x", False), (b"new-too", False)):
            self.assertEqual(lies_in(self.at(name), self.at(b"new")), found, name)

    def test_everything(self) -> None:
        """In a storage that is the whole machine lies everything."""
        self.assertTrue(lies_in(self.at(b"none"), b"/"))
        self.assertFalse(lies_in(b"/.peerstor/x", b"/"))

    def test_mounted_twice(self) -> None:
        """A storage is the same by whatever way it is mounted."""
        os.mkdir(self.at(b"again"))
        mount(self, "--bind", os.fsdecode(self.storage), os.fsdecode(self.at(b"again")))
        for name, found in ((b"again", True), (b"again/x/y", True), (b"again/.peerstor/x", False)):
            self.assertEqual(lies_in(self.at(name), self.storage), found, name)


class OwnTests(SynchronousTestCase):
    def named(self, config: str | None = None, **settings: object) -> list[tuple[str, bytes]]:
        return [(own.option, own.path) for own in owns(Settings(**settings), config)]  # type: ignore[arg-type]

    def test_none(self) -> None:
        """By default nothing has another place than the private folder."""
        self.assertEqual(self.named(), [])
        self.assertEqual(self.named(audit_log="none", listen=("tcp:81", "systemd:domain=INET:index=0")), [])

    def test_all(self) -> None:
        """Whatever settings name of the server's own is listed, a certificate only where it may have its key with it."""
        self.assertEqual(
            self.named("/c", state="/s", access_log="/a", audit_log="/b", listen=("tcp:81", "unix:/u:mode=600")),
            [
                ("--state DIR", b"/s"),
                ("--access-log FILE", b"/a"),
                ("--audit-log FILE", b"/b"),
                ("--config FILE", b"/c"),
                ("--listen unix:PATH", b"/u"),
            ],
        )
        self.assertEqual(self.named(https=True, cert="/c", key="/k"), [("--key FILE", b"/k")])
        self.assertEqual(self.named(https=True, cert="/c"), [("--cert FILE", b"/c")])

    def test_line(self) -> None:
        """It is refused in one line, with the way out, whatever its name holds."""
        with self.assertRaises(StartupError) as caught:
            refuse_exposed(b"/none", owns(Settings(state=b"/none/a\n\xff"), None))
        self.assertEqual(
            str(caught.exception),
            "The state folder /none/a\\x0a\\xff lies in the storage, where clients reach it. Move it out, and name the"
            " new place: --state DIR.",
        )
