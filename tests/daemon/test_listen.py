"""Rules of the sockets that listen."""

import contextlib
import errno
import os
import socket
from contextlib import closing

from twisted.internet.protocol import Protocol, ServerFactory
from twisted.internet.tcp import Port
from twisted.internet.testing import MemoryReactor, MemoryReactorClock
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from peerstor.daemon import listen as module
from peerstor.daemon.listen import Listening, listen
from peerstor.errors import StartupError
from tests.scratch import scratch_folder


def nobody(port: int) -> str | None:
    """Stands in for a look at who holds a port, and sees nothing."""
    return None


class ListenTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def listen(self, host: str = "127.0.0.1", port: int = 0, **options: bool) -> list[socket.socket]:
        sockets = listen(host, port, who=nobody, **options)
        for one in sockets:
            self.addCleanup(one.close)
        return sockets

    def refusal(self, host: str, port: int = 0, **options: bool) -> str:
        with self.assertRaises(StartupError) as caught:
            self.listen(host, port, **options)
        self.assertNotIn("\n", str(caught.exception))
        return str(caught.exception)

    def said(self) -> list[LogEvent]:
        return [event for event in self.events if event.get("log_namespace") == module.__name__]

    @staticmethod
    def reach(family: socket.AddressFamily, host: str, port: int) -> None:
        with closing(socket.socket(family)) as client:
            client.settimeout(5)
            client.connect((host, port))

    def test_listens(self) -> None:
        """Before anything accepts, a client can connect: the kernel keeps it waiting."""
        (one,) = self.listen()
        self.reach(socket.AF_INET, *one.getsockname())
        self.assertFalse(one.getblocking())
        self.assertEqual(self.said(), [])

    def test_little_waits_in_the_kernel(self) -> None:
        """Of an answer that its client doesn't read, the kernel takes some hundred kilobytes, not megabytes."""
        (one,) = self.listen()
        with closing(socket.socket()) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(one.getsockname())
            with closing(one.accept()[0]) as server:
                server.setblocking(False)
                taken = 0
                with contextlib.suppress(BlockingIOError):
                    while True:
                        taken += server.send(bytes(65536))
        self.assertLess(taken, 500_000)

    def test_deep_backlog(self) -> None:
        """More connections than the usual backlog of 50 to 128 may wait at once."""
        (one,) = self.listen()
        clients = []
        try:
            for _ in range(300):
                client = socket.socket()
                clients.append(client)
                client.settimeout(5)
                client.connect(one.getsockname())
        finally:
            for client in clients:
                client.close()
        self.assertEqual(len(clients), 300)

    def test_next_free_port(self) -> None:
        """A port in use is stepped over, and the log says which one is taken instead."""
        (first,) = self.listen()
        busy = first.getsockname()[1]
        (second,) = self.listen(port=busy)
        taken = second.getsockname()[1]
        self.assertGreater(taken, busy)
        self.assertLessEqual(taken, busy + 100)
        (event,) = self.said()
        self.assertIn(f"Port {busy} is in use", event["reason"])
        self.assertEqual(event["port"], taken)

    def test_all_in_use(self) -> None:
        """When the hundred that follow are in use too, that is one line that says so."""
        self.patch(module, "FURTHER_PORTS", 0)
        busy = self.listen()[0].getsockname()[1]
        self.assertIn("choose another --port", self.refusal("127.0.0.1", busy))
        self.patch(module, "FURTHER_PORTS", 2)
        self.patch(module, "_listen_on_all", lambda *_: None)
        self.assertIn(f"So are all up to {busy + 2}.", self.refusal("127.0.0.1", busy))

    def test_search_ends_at_the_last_port(self) -> None:
        """The search for a free port doesn't run beyond 65535."""
        tried = []
        self.patch(module, "_listen_on_all", lambda addresses, port, *_: tried.append(port))
        self.refusal("127.0.0.1", 65530)
        self.assertEqual(tried, list(range(65530, 65536)))

    def test_strict_port(self) -> None:
        """With a strict port one in use is an error that names how to find its holder."""
        busy = self.listen()[0].getsockname()[1]
        text = self.refusal("127.0.0.1", busy, strict=True)
        self.assertIn(f"Port {busy} is in use", text)
        self.assertIn(f"ss -ltnp 'sport = :{busy}'", text)

    def test_strict_port_names_the_holder(self) -> None:
        """Where it can be seen who holds the port, the error names program and process."""
        busy = self.listen()[0].getsockname()[1]
        with self.assertRaises(StartupError) as caught:
            listen("127.0.0.1", busy, strict=True)
        self.assertIn(f"(process {os.getpid()})", str(caught.exception))

    def test_wildcard_is_not_shared(self) -> None:
        """A port on which one address is served is in use for all addresses: nobody's connections are stolen."""
        busy = self.listen()[0].getsockname()[1]
        self.refusal("0.0.0.0", busy, strict=True)
        self.refusal("::", busy, strict=True)

    def test_both_families(self) -> None:
        """A socket on :: takes IPv4 and IPv6."""
        (one,) = self.listen("::")
        port = one.getsockname()[1]
        self.reach(socket.AF_INET, "127.0.0.1", port)
        self.reach(socket.AF_INET6, "::1", port)

    def test_one_family(self) -> None:
        """An IPv6 address that isn't :: takes IPv6 alone."""
        (one,) = self.listen("::1")
        port = one.getsockname()[1]
        self.reach(socket.AF_INET6, "::1", port)
        with self.assertRaises(ConnectionRefusedError):
            self.reach(socket.AF_INET, "127.0.0.1", port)

    def test_name_with_several_addresses(self) -> None:
        """A name is served on all its addresses, on one port; those that this machine lacks are left out."""
        found = [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 0, 0, 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.254", 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
        ]
        self.patch(socket, "getaddrinfo", lambda *_, **__: found)
        first, second = self.listen("files")
        self.assertEqual((first.family, second.family), (socket.AF_INET6, socket.AF_INET))
        self.assertEqual(first.getsockname()[1], second.getsockname()[1])

    def test_no_half_of_a_port(self) -> None:
        """A port in use on one of the addresses is not taken on the others either."""
        busy = self.listen()[0].getsockname()[1]
        found = [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 0, 0, 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
        ]
        self.patch(socket, "getaddrinfo", lambda *_, **__: found)
        self.refusal("files", busy, strict=True)
        with self.assertRaises(ConnectionRefusedError):
            self.reach(socket.AF_INET6, "::1", busy)

    def test_foreign_address(self) -> None:
        """An address that this machine doesn't have is told so."""
        self.assertIn("is no address of this machine", self.refusal("192.0.2.254"))

    def test_unknown_name(self) -> None:
        """A name that can't be resolved is told so."""

        def unknown(*_: object, **__: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        self.patch(socket, "getaddrinfo", unknown)
        self.assertIn("--host nowhere is no address or known name", self.refusal("nowhere"))

    def test_other_refusals(self) -> None:
        """A machine without IPv6, a privileged port and the rest are one line each, with a way out."""
        for code, host, words in (
            (errno.EAFNOSUPPORT, "::", "no IPv6"),
            (errno.EADDRNOTAVAIL, "::", "no IPv6"),
            (errno.EACCES, "0.0.0.0", "needs more rights"),
            (errno.EMFILE, "0.0.0.0", os.strerror(errno.EMFILE)),
        ):
            with self.subTest(code=code):

                def fail(*_: object, code: int = code) -> socket.socket:
                    raise OSError(code, os.strerror(code))

                self.patch(module, "_listen_on", fail)
                self.assertIn(words, self.refusal(host, 80))


class AdoptingReactor(MemoryReactorClock):
    """A reactor in memory that adopts real ports, and reads none by itself."""

    def adoptStreamPort(self, fd: int, family: socket.AddressFamily, factory: ServerFactory) -> Port:
        port = Port._fromListeningDescriptor(self, fd, family, factory)
        port.startListening()
        return port


class ListeningTests(SynchronousTestCase):
    def test_adopts_when_privileged(self) -> None:
        """The sockets go to the reactor in privilegedStartService; our own copies of them are closed."""
        reactor = MemoryReactor()
        sockets = listen("127.0.0.1", 0)
        factory = ServerFactory.forProtocol(Protocol)
        service = Listening(reactor=reactor, sockets=sockets, factory=factory)
        # MemoryReactor closes nothing and takes any descriptor: what counts is what it was given.
        number = sockets[0].fileno()
        service.privilegedStartService()
        self.assertEqual(reactor.adoptedPorts, [(number, socket.AF_INET, factory)])
        self.assertEqual(sockets[0].fileno(), -1)

    def test_two_factories(self) -> None:
        """The sockets of HTTPS get a factory of their own, and are closed with the others."""
        reactor = MemoryReactor()
        plain, secure = listen("127.0.0.1", 0), listen("127.0.0.1", 0)
        numbers = [plain[0].fileno(), secure[0].fileno()]
        one, other = (ServerFactory.forProtocol(Protocol) for _ in range(2))
        Listening(reactor=reactor, sockets=plain, factory=one, secure=(secure, other)).privilegedStartService()
        self.assertEqual(
            [(port[0], port[2]) for port in reactor.adoptedPorts], list(zip(numbers, (one, other), strict=True))
        )
        self.assertEqual([plain[0].fileno(), secure[0].fileno()], [-1, -1])

    def test_local(self) -> None:
        """UNIX sockets can have a factory of their own."""
        with socket.socket(socket.AF_UNIX) as path, socket.create_server(("127.0.0.1", 0)) as port:
            path.bind(f"{scratch_folder(self)}/s")
            path.listen()
            reactor = AdoptingReactor()
            plain, local = (ServerFactory.forProtocol(Protocol) for _ in range(2))
            service = Listening(reactor=reactor, sockets=[path, port], factory=plain, local=local)
            service.privilegedStartService()
        adopted = {reader.addressFamily: reader.factory for reader in reactor.readers if isinstance(reader, Port)}
        self.assertEqual(adopted, {socket.AF_UNIX: local, socket.AF_INET: plain})
        stopped = service.stopService()
        reactor.advance(0)
        self.successResultOf(stopped)

    def test_stops(self) -> None:
        """Stopping closes every port, also those that were never adopted."""
        sockets = listen("127.0.0.1", 0)
        service = Listening(reactor=MemoryReactor(), sockets=sockets, factory=ServerFactory.forProtocol(Protocol))
        self.successResultOf(service.stopService())
        self.assertEqual(sockets[0].fileno(), -1)

    def test_room_for_one(self) -> None:
        """When there is room again, one is accepted at a time: whoever tells of the room has counted one."""
        accepted: list[Protocol] = []

        class Counting(ServerFactory):
            def buildProtocol(self, addr: object) -> Protocol:
                accepted.append(Protocol())
                return accepted[-1]

        reactor = AdoptingReactor()
        sockets = listen("127.0.0.1", 0)
        where = sockets[0].getsockname()
        service = Listening(reactor=reactor, sockets=sockets, factory=Counting())
        service.privilegedStartService()
        clients = [socket.create_connection(where) for _ in range(5)]
        service.set_full(True)
        service.set_full(False)
        (port,) = (reader for reader in reactor.readers if isinstance(reader, Port))
        port.doRead()
        self.assertEqual(len(accepted), 1)
        for client in clients:
            client.close()
        accepted[0].transport.abortConnection()  # type: ignore[union-attr]
        stopped = service.stopService()
        reactor.advance(0)
        self.successResultOf(stopped)

    def test_full(self) -> None:
        """While the process is full, no port is read, so that the kernel keeps who comes waiting; then all are."""
        reactor = AdoptingReactor()
        sockets = listen("127.0.0.1", 0) + listen("127.0.0.1", 0)
        service = Listening(reactor=reactor, sockets=sockets, factory=ServerFactory.forProtocol(Protocol))
        service.privilegedStartService()
        ports = set(reactor.readers)
        self.assertEqual(len(ports), 2)
        service.set_full(True)
        self.assertEqual(reactor.readers, set())
        service.set_full(False)
        self.assertEqual(reactor.readers, ports)
        service.set_full(True)
        stopped = service.stopService()
        reactor.advance(0)
        self.successResultOf(stopped)
        service.set_full(False)
        self.assertEqual(reactor.readers, set(), "a port that is closed is read again")
