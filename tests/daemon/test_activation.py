"""Rules of sockets that systemd passes on."""

import os
import socket

from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from peerstor.daemon import activation as module
from peerstor.daemon.activation import InheritedSockets, initial_environment
from peerstor.endpoints import SystemdEndpoint
from peerstor.errors import StartupError
from tests.scratch import scratch_folder


class InheritedSocketsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)
        self.open: list[int] = []
        self.addCleanup(self.close_all)

    def close_all(self) -> None:
        for number in self.open:
            try:
                os.close(number)
            except OSError:
                continue

    def passed(self, *sockets: socket.socket) -> int:
        """Put sockets behind each other at high numbers, as a manager does at low ones; tells the first."""
        first = 700
        for place, one in enumerate(sockets):
            os.dup2(one.fileno(), first + place)
            self.open.append(first + place)
            one.close()
        return first

    def claim(self, names: str, *sockets: socket.socket) -> InheritedSockets:
        self.environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(sockets)), "LISTEN_FDNAMES": names}
        return InheritedSockets.from_environment(self.environ, {}, first=self.passed(*sockets))

    def tcp(self) -> socket.socket:
        return socket.create_server(("127.0.0.1", 0))

    def unix(self) -> socket.socket:
        one = socket.socket(socket.AF_UNIX)
        one.bind(f"{scratch_folder(self)}/s")
        one.listen()
        return one

    def refusal(self, inherited: InheritedSockets, endpoint: SystemdEndpoint) -> str:
        with self.assertRaises(StartupError) as caught:
            inherited.take(endpoint).close()
        text = str(caught.exception)
        self.assertTrue(text.startswith(f"--listen {endpoint}"), text)
        self.assertNotIn("\n", text)
        return text

    def test_by_index_and_name(self) -> None:
        """A socket is taken by its place or its name; it is ours alone from then on, and doesn't block."""
        one, other = self.tcp(), self.unix()
        where, path = one.getsockname(), other.getsockname()
        inherited = self.claim("web:local", one, other)
        first = inherited.take(SystemdEndpoint("INET", 0, None))
        second = inherited.take(SystemdEndpoint("UNIX", None, "local"))
        with first, second:
            self.assertEqual((first.getsockname(), second.getsockname()), (where, path))
            for one in (first, second):
                self.assertFalse(one.getblocking())
                self.assertFalse(one.get_inheritable())
        inherited.close()
        self.assertEqual(self.events, [])

    def test_environment(self) -> None:
        """What was read is taken out of the environment."""
        self.claim("", self.tcp()).close()
        self.assertEqual(self.environ, {})

    def test_without_names(self) -> None:
        """Who passes sockets on without names, as systemd did before 227, passes them on all the same."""
        with self.claim("", self.tcp()).take(SystemdEndpoint("INET", 0, None)) as one:
            self.assertEqual(one.family, socket.AF_INET)

    def test_one_name_for_several(self) -> None:
        """Sockets of one unit have one name; the domain tells which is meant."""
        inherited = self.claim("peerstor.socket:peerstor.socket", self.tcp(), self.unix())
        with inherited.take(SystemdEndpoint("UNIX", None, "peerstor.socket")) as one:
            self.assertEqual(one.family, socket.AF_UNIX)
        with inherited.take(SystemdEndpoint("INET", None, "peerstor.socket")) as other:
            self.assertEqual(other.family, socket.AF_INET)

    def test_taken_over_by_twisted(self) -> None:
        """Variables that are gone from the environment are found where the process began with them."""
        initial = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "x"}
        inherited = InheritedSockets.from_environment({}, initial, first=self.passed(self.tcp()))
        inherited.take(SystemdEndpoint("INET", None, "x")).close()
        self.assertEqual(initial_environment().get("PATH"), os.environ.get("PATH"))

    def test_meant_for_somebody_else(self) -> None:
        """Variables that were meant for another process mean nothing here."""
        for told in (
            {"LISTEN_PID": str(os.getpid() + 1), "LISTEN_FDS": "1"},
            {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "one"},
            {"LISTEN_FDS": "1"},
            {},
        ):
            with self.subTest(told=told):
                inherited = InheritedSockets.from_environment(dict(told), {}, first=self.passed(self.tcp()))
                self.assertIn("none was passed on", self.refusal(inherited, SystemdEndpoint("INET", 0, None)))

    def test_refused(self) -> None:
        """What can't be meant is one line that says what there is."""
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        silent = socket.socket()
        inherited = self.claim("web:local:dns:silent", self.tcp(), self.unix(), datagrams, silent)
        for endpoint, words in (
            (SystemdEndpoint("INET", 4, None), "passed on 4"),
            (SystemdEndpoint("INET", None, "wev"), "but dns, local, silent, web."),
            (SystemdEndpoint("UNIX", 0, None), "not of that domain but INET"),
            (SystemdEndpoint("INET", None, "local"), "not of that domain but UNIX"),
            (SystemdEndpoint("INET6", 0, None), "not of that domain but INET"),
            (SystemdEndpoint("INET", 2, None), "takes no connections"),
            (SystemdEndpoint("INET", 3, None), "takes no connections"),
        ):
            with self.subTest(endpoint=str(endpoint)):
                self.assertIn(words, self.refusal(inherited, endpoint))
        inherited.take(SystemdEndpoint("INET", 0, None)).close()
        self.assertIn("another --listen has already", self.refusal(inherited, SystemdEndpoint("INET", 0, None)))

    def test_no_socket(self) -> None:
        """A descriptor that is something else is told so."""
        read, write = os.pipe()
        self.open += [read, write]
        self.assertIn("is no socket", self.refusal(InheritedSockets({read: ""}), SystemdEndpoint("INET", 0, None)))

    def test_nobody_takes_it(self) -> None:
        """A socket that no endpoint means is closed with a warning: who connects there would wait for ever."""
        one = self.tcp()
        where = one.getsockname()
        self.claim("", one).close()
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(where)
        (event,) = [event for event in self.events if event.get("log_namespace") == module.__name__]
        self.assertEqual(event["count"], 1)
