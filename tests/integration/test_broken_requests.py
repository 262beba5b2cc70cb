"""Requests that turn out to be broken while their answers are on the way."""

import base64
import contextlib
import os
import socket

from tests.integration.daemon import until
from tests.integration.server import Server, ServerCase

MIB = 1024 * 1024
RECEIVE = 4096
"""Bytes that a client's kernel takes: far less than what it has asked for."""


class BrokenRequestTests(ServerCase):
    def setUp(self) -> None:
        self.server = self.serve("--gzip-threshold", "16MiB")
        with open(f"{self.server.storage}/plain.bin", "wb") as file:
            file.truncate(64 * MIB)
        os.mkdir(f"{self.server.storage}/many")
        for number in range(12_000):
            os.close(os.open(f"{self.server.storage}/many/a rather long name {number}", os.O_CREAT | os.O_WRONLY))

    def open_files(self) -> list[str]:
        """Name what the server holds open of what it serves."""
        links, found = f"/proc/{self.server.pid}/fd", []
        for number in os.listdir(links):
            with contextlib.suppress(FileNotFoundError):
                found.append(os.readlink(f"{links}/{number}"))
        return [one for one in found if one.startswith(self.server.storage) and ".peerstor" not in one]

    def broken(self, server: Server, target: str, more: str, body: bytes, *, shut: bool) -> None:
        """Ask, read the beginning of the answer, and then break the request."""
        connection = self.connect(server, receive_buffer=RECEIVE)
        connection.send(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n".encode())
        self.assertEqual(connection.socket.recv(12), b"HTTP/1.1 200")
        coded = b"content-encoding: gzip" in connection.socket.recv(2000, socket.MSG_PEEK).lower()
        self.assertEqual(coded, ".txt" in target)
        if body:
            connection.send(body)
        if shut:
            connection.socket.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            connection.swallow()
        connection.close()

    def test_let_go(self) -> None:
        """Whatever was being sent, it ends, everything that it held open is closed, and the log says nothing of it."""
        text = base64.b64encode(os.urandom(3 * MIB))
        for turn in range(3):
            for target in (
                "/plain.bin",
                f"/fresh{turn}.txt",
                "/?archive=zip",
                "/many/?limit=10000",
                "/api/events?path=/many/",
            ):
                for more, body, shut in (
                    ("Content-Length: 5\r\n", b"", True),
                    ("Transfer-Encoding: chunked\r\n", b"zz\r\n", False),
                ):
                    # One that was changed just now is compressed while it is sent.
                    with open(f"{self.server.storage}/fresh{turn}.txt", "wb") as file:
                        file.write(text)
                    self.broken(self.server, target, f"Accept-Encoding: gzip\r\n{more}", body, shut=shut)
        until(lambda: not self.open_files(), "the files to be closed")
