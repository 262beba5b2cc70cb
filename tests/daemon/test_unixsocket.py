"""Rules of UNIX sockets that listen."""

import os
import socket
import stat
from contextlib import closing

from twisted.internet.protocol import Protocol, ServerFactory
from twisted.trial.unittest import SynchronousTestCase

from peerstor.daemon import unixsocket as module
from peerstor.daemon.unixport import adopt
from peerstor.daemon.unixsocket import SocketFiles, listen_unix
from peerstor.endpoints import UnixEndpoint
from peerstor.errors import StartupError
from tests.daemon.test_listen import AdoptingReactor
from tests.scratch import scratch_folder


class ListenUnixTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = os.fsencode(scratch_folder(self)) + b"/s"

    def listen(self, mode: int = 0o660, **owner: int) -> tuple[socket.socket, module.SocketFile]:
        listener, file = listen_unix(UnixEndpoint(self.path, mode), **owner)
        self.addCleanup(listener.close)
        return listener, file

    def refusal(self) -> str:
        with self.assertRaises(StartupError) as caught:
            self.listen()
        self.assertNotIn("\n", str(caught.exception))
        return str(caught.exception)

    def reach(self) -> None:
        with closing(socket.socket(socket.AF_UNIX)) as client:
            client.settimeout(5)
            client.connect(self.path)

    def test_listens(self) -> None:
        """Before anything accepts, a client can connect."""
        listener, _ = self.listen()
        self.reach()
        self.assertFalse(listener.getblocking())

    def test_mode(self) -> None:
        """The socket has the permissions that are asked for, whatever the umask."""
        for mode in (0o600, 0o660, 0o666, 0o777):
            for mask in (0o000, 0o077):
                before = os.umask(mask)
                try:
                    _, file = self.listen(mode)
                finally:
                    os.umask(before)
                self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), mode)
                file.remove()

    def test_nobody_connects_before_it_is_settled(self) -> None:
        """While its permissions are not yet what they should be, nobody gets in."""
        tried: list[type[Exception]] = []
        chmod = os.chmod

        def trying(path: bytes, mode: int) -> None:
            with self.assertRaises(ConnectionRefusedError):
                self.reach()
            tried.append(ConnectionRefusedError)
            chmod(path, mode)

        self.patch(os, "chmod", trying)
        self.listen()
        self.assertEqual(len(tried), 1)

    def test_stale(self) -> None:
        """A socket that nobody answers on is replaced."""
        listener, _ = self.listen()
        listener.close()
        with self.assertRaises(ConnectionRefusedError):
            self.reach()
        self.listen()
        self.reach()

    def test_live(self) -> None:
        """One that somebody answers on is an error, and stays."""
        self.listen()
        self.assertIn("in use by another server", self.refusal())
        self.reach()

    def test_live_and_busy(self) -> None:
        """Whoever is too busy to take another connection is alive as well."""
        self.patch(module, "_PATIENCE", 0.05)
        with closing(socket.socket(socket.AF_UNIX)) as busy:
            busy.bind(self.path)
            busy.listen(0)
            with closing(socket.socket(socket.AF_UNIX)) as first:
                first.connect(self.path)
                self.assertIn("in use by another server", self.refusal())

    def test_other_kinds(self) -> None:
        """A file of another kind is an error, and stays, a link to a socket too."""
        listener, _ = listen_unix(UnixEndpoint(self.path + b"2", 0o660))
        listener.close()
        for make in (
            lambda: os.close(os.open(self.path, os.O_CREAT)),
            lambda: os.mkdir(self.path),
            lambda: os.mkfifo(self.path),
            lambda: os.symlink(self.path + b"2", self.path),
        ):
            make()
            self.assertIn("it is no socket", self.refusal())
            (os.rmdir if os.path.isdir(self.path) else os.unlink)(self.path)
        self.assertTrue(os.path.exists(self.path + b"2"))

    def test_no_folder(self) -> None:
        """A folder that isn't there is told so."""
        self.path = self.path + b"/s"
        self.assertIn("its folder isn't there", self.refusal())

    def test_no_right(self) -> None:
        """What this user may not do is told so, and leaves no entry behind."""

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        self.patch(os, "chown", refuse)
        with self.assertRaises(StartupError) as caught:
            self.listen(uid=1, gid=1)
        self.assertIn("this user has no right to", str(caught.exception))
        self.assertFalse(os.path.lexists(self.path))

    def test_remove(self) -> None:
        """The entry is removed once; one that has taken its place meanwhile stays."""
        _, file = self.listen()
        file.remove()
        self.assertFalse(os.path.lexists(self.path))
        file.remove()
        self.listen()
        # The number of an entry that is gone may be given to the next one.
        module.SocketFile(self.path, file.device, os.lstat(self.path).st_ino + 1).remove()
        self.reach()

    def test_left_behind(self) -> None:
        """One that can't be removed, as in a folder of root's, is said and keeps nothing from ending."""
        _, file = self.listen()
        services = SocketFiles([file])

        def refuse(path: bytes) -> None:
            raise PermissionError(13, "Permission denied")

        self.patch(os, "unlink", refuse)
        services.startService()
        services.stopService()
        self.assertFalse(services.running)
        self.reach()


class UnixPortTests(SynchronousTestCase):
    """Each private name of twisted's that the port touches is used here."""

    def setUp(self) -> None:
        self.path = os.fsencode(scratch_folder(self)) + b"/s"
        self.reactor = AdoptingReactor()
        self.made: list[Protocol] = []
        outer = self

        class Counting(ServerFactory):
            def buildProtocol(self, addr: object) -> Protocol:
                outer.made.append(Protocol())
                return outer.made[-1]

        listener, self.file = listen_unix(UnixEndpoint(self.path, 0o600))
        with listener:
            self.port = adopt(self.reactor, listener, Counting())

    def stop(self) -> None:
        stopped = self.port.stopListening()
        self.reactor.advance(0)
        self.successResultOf(stopped)

    def test_accepts(self) -> None:
        """It accepts on a copy of the socket, and leaves permissions and entry as they are, to the end."""
        with closing(socket.socket(socket.AF_UNIX)) as client:
            client.connect(self.path)
            self.port.doRead()
            self.assertEqual(len(self.made), 1)
            self.made[0].transport.abortConnection()  # type: ignore[union-attr]
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
        self.assertEqual(self.port.getHost().name, self.path)
        self.stop()
        self.assertTrue(os.path.exists(self.path))
        with closing(socket.socket(socket.AF_UNIX)) as client, self.assertRaises(ConnectionRefusedError):
            client.connect(self.path)

    def test_not_read_while_full(self) -> None:
        """It can rest and go on like any other port."""
        self.assertEqual(self.reactor.readers, {self.port})
        self.port.stopReading()
        self.assertEqual(self.reactor.readers, set())
        self.port.startReading()
        self.assertEqual(self.reactor.readers, {self.port})
        self.stop()
