"""Rules of looking at ports, addresses and names, with real sockets."""

import http.server
import os
import socket
import threading
from ipaddress import ip_address

from twisted.trial.unittest import SynchronousTestCase

from peerstor.checks.findings import Level
from peerstor.checks.ports import check_port, check_ports
from peerstor.checks.reach import accepts, addresses_of, answer_of, beyond_loopback, check_names, check_phone
from peerstor.daemon.portholder import ports_of
from peerstor.settings import Settings
from tests.integration.server import free_port
from tests.scratch import scratch_folder


class PortTests(SynchronousTestCase):
    def held(self) -> int:
        """Hold a port for the rest of the test."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        port: int = listener.getsockname()[1]
        return port

    def test_free(self) -> None:
        """A free port is well, and free afterwards; so is any."""
        port = free_port()
        for _ in range(2):
            self.assertIs(check_port("127.0.0.1", port, "port", [], strict=True).level, Level.OK)
        self.assertIs(check_port("127.0.0.1", 0, "port", [], strict=True).level, Level.OK)

    def test_held(self) -> None:
        """A held port is told with its holder: wrong where no other one would do, else a warning; ours is well."""
        port = self.held()
        for strict, level in ((True, Level.WRONG), (False, Level.WARNING)):
            found = check_port("127.0.0.1", port, "port", [], strict=strict)
            self.assertIs(found.level, level)
            self.assertIn(f"(process {os.getpid()})", found.text)
            self.assertIn("--port", str(found.advice))
        self.assertIs(check_port("127.0.0.1", port, "port", [port], strict=True).level, Level.OK)
        self.assertIn(port, ports_of(os.getpid()))

    def test_rights(self) -> None:
        """A port that needs more rights is wrong, with the ways to get them."""
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as file:
            if int(file.read()) <= 443:
                self.skipTest("every port is free to everybody here")
        os.seteuid(65534)
        self.addCleanup(os.seteuid, 0)
        found = check_port("127.0.0.1", 443, "port", [], strict=False)
        self.assertIs(found.level, Level.WRONG)
        self.assertIn("CAP_NET_BIND_SERVICE", str(found.advice))

    def test_no_address_of_ours(self) -> None:
        """An address that this machine hasn't is wrong."""
        self.assertIs(check_port("192.0.2.77", 8080, "port", [], strict=False).level, Level.WRONG)

    def test_all(self) -> None:
        """Each port and socket of the settings is looked at."""
        first, second = free_port(), free_port()
        settings = Settings(host="127.0.0.1", port=first, https_port=second)
        self.assertEqual([one.level for one in check_ports(settings, [])], [Level.OK] * 2)
        folder = scratch_folder(self)
        listening = (
            f"tcp:{self.held()}:interface=127.0.0.1",
            f"unix:{folder}/s",
            f"unix:{folder}/a/s",
            "systemd:INET:index=0",
        )
        found = check_ports(Settings(listen=listening), [])
        self.assertEqual(
            [one.level for one in found],
            [Level.WRONG, Level.OK, Level.WRONG, Level.OK],
            [one.text for one in found],
        )
        self.assertEqual(os.listdir(folder), [])


class Answering(http.server.BaseHTTPRequestHandler):
    """Answers as it was told to."""

    content, status = b'{"status":"ok"}', 200
    seen: str

    def do_GET(self) -> None:
        type(self).seen = self.path
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


class ReachTests(SynchronousTestCase):
    def serve(self, content: bytes, status: int = 200) -> tuple[str, type[Answering]]:
        kind = type("Kind", (Answering,), {"content": content, "status": status})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return f"http://127.0.0.1:{server.server_port}", kind

    def test_answers(self) -> None:
        """Only the answer of a PeerStor that is well is one; whatever else there is gets said."""
        address, kind = self.serve(b'{"status":"ok"}')
        self.assertIsNone(answer_of(f"{address}/files/"))
        self.assertEqual(kind.seen, "/files/-/health")
        for content, status, words in (
            (b"<html>", 200, "another program"),
            (b'{"status":"unavailable"}', 503, "storage"),
            (b'{"error":"wrong_host"}', 421, "421"),
            (b'{"status":"ok"}', 500, "500"),
        ):
            self.assertIn(words, str(answer_of(self.serve(content, status)[0])))
        self.assertIn("refused", str(answer_of(f"http://127.0.0.1:{free_port()}")))

    def test_address(self) -> None:
        """The address has the scheme, the port that the server really has, and the base path."""
        settings = Settings(https=True, port=8443, base_path="/files")
        at = lambda bound: [ip_address("192.0.2.2"), ip_address("127.0.0.1")]  # noqa: E731
        self.assertEqual(addresses_of(settings, [], at)[0], "https://192.0.2.2:8443/files/")
        self.assertEqual(addresses_of(settings, [8444], at)[0], "https://192.0.2.2:8444/files/")
        both = Settings(port=80, https_port=443)
        self.assertEqual(
            [one for one in addresses_of(both, [80, 443], at) if "192" in one],
            ["http://192.0.2.2:80", "https://192.0.2.2:443"],
        )
        listening = Settings(listen=("unix:/run/x", "tcp:81"))
        self.assertEqual(addresses_of(listening, [], at)[0], "http://192.0.2.2:81")

    def test_phone(self) -> None:
        """A server for this machine alone is a warning; one where nobody answers as they should is wrong."""
        found = check_phone(Settings(host="127.0.0.1"), [], runs=False)
        self.assertIs(found.level, Level.WARNING)
        settings = Settings(port=free_port())
        found = check_phone(settings, [], runs=False)
        self.assertIs(found.level, Level.OK, "this machine has an address that others reach")
        self.assertIn(str(settings.port), str(found.advice))
        self.assertIs(check_phone(settings, [], runs=True).level, Level.WRONG)

    def test_beyond(self) -> None:
        """Whether others get there is told from what is listened on."""
        for settings, beyond in (
            (Settings(), True),
            (Settings(host="127.0.0.1"), False),
            (Settings(host="::1"), False),
            (Settings(listen=("tcp:80:interface=127.0.0.1",)), False),
            (Settings(listen=("unix:/run/x",)), True),
        ):
            self.assertEqual(beyond_loopback(settings), beyond, settings.listen)

    def test_names(self) -> None:
        """A proxy without any name that is allowed is a warning."""
        self.assertIs(check_names(Settings(), "nas").level, Level.OK)
        self.assertIs(check_names(Settings(trusted_proxy=("127.0.0.1",)), "nas").level, Level.WARNING)
        found = check_names(Settings(trusted_proxy=("127.0.0.1",), allow_host=("a.example",)), "nas")
        self.assertEqual((found.level, "a.example" in found.text), (Level.OK, True))
        self.assertTrue(accepts(Settings(allow_host=(".a.example",)), "b.a.example"))
        self.assertFalse(accepts(Settings(), "b.a.example"))
