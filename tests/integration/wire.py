"""Clients that show every byte: a raw connection, and the upload API over one that is kept."""

import contextlib
import http.client
import json
import socket
from typing import Any
from urllib.parse import quote, urlencode

from attrs import frozen

from tests.integration.daemon import PATIENCE


@frozen
class Answer:
    """One answer of HTTP/1.1.

    :ivar whole: whether all of the body arrived that the head promised.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool = True

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Connection:
    """A socket that speaks no more HTTP than a test tells it to.

    :param receive_buffer: bytes; a small one makes a slow reader slow at once.
    """

    def __init__(self, port: int, *, receive_buffer: int = 0) -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("127.0.0.1", port))
        self._kept = b""

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()

    def reset(self) -> None:
        """Close it as a machine does that crashed: with RST, not FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send all of `data`."""
        self.socket.sendall(data)

    def request(
        self, method: str, target: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """Send one request and read its answer."""
        self.send(
            head(method, target, length=None if body is None else len(body), headers=headers) + (body or b"")
        )
        return self.answer(bodiless=method == "HEAD")

    def answer(self, *, bodiless: bool = False) -> Answer:
        """Read one answer."""
        lines = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if status == 100:
            return Answer(status, headers, b"")
        if bodiless or status in (204, 304):
            return Answer(status, headers, b"")
        if headers.get("transfer-encoding") == "chunked":
            return Answer(status, headers, *self._chunked())
        if "content-length" in headers:
            length = int(headers["content-length"])
            body = self._count(length)
            return Answer(status, headers, body, len(body) == length)
        return Answer(status, headers, self.rest())

    def head_only(self) -> Answer:
        """Read the head of an answer and leave its body unread."""
        lines = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        fields = (line.partition(":") for line in lines[1:])
        return Answer(int(lines[0].split(" ")[1]), {name.lower(): value.strip() for name, _, value in fields}, b"")

    def rest(self) -> bytes:
        """Read until the other side closes, in whichever way."""
        pieces = [self._kept]
        self._kept = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := self.socket.recv(1 << 20):
                pieces.append(piece)
        return b"".join(pieces)

    def swallow(self) -> int:
        """Read until the other side closes, keep nothing, and tell how many bytes it was."""
        count, room = len(self._kept), bytearray(1 << 20)
        self._kept = b""
        while length := self.socket.recv_into(room):
            count += length
        return count

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._kept:
            self._more()
        found, _, self._kept = self._kept.partition(mark)
        return found

    def _more(self) -> None:
        piece = self.socket.recv(65536)
        if not piece:
            raise EOFError(f"closed after {self._kept!r}")
        self._kept += piece

    def _count(self, length: int) -> bytes:
        pieces, missing = [self._kept[:length]], length - len(self._kept)
        self._kept = self._kept[length:]
        with contextlib.suppress(ConnectionResetError):
            while missing > 0 and (piece := self.socket.recv(min(missing, 1 << 20))):
                pieces.append(piece)
                missing -= len(piece)
        return b"".join(pieces)

    def _chunked(self) -> tuple[bytes, bool]:
        body = b""
        while True:
            try:
                size = int(self._until(b"\r\n"), 16)
            except (EOFError, ConnectionResetError):
                return body, False
            piece = self._count(size + 2)
            body += piece[:size]
            if len(piece) < size + 2:
                return body, False
            if not size:
                return body, True


def head(method: str, target: str, *, length: int | None = None, headers: dict[str, str] | None = None) -> bytes:
    """Write the head of a request; `headers` may hold another Host.

    :param length: bytes of the body; None declares nothing.
    """
    fields = {
        "Host": "127.0.0.1",
        **({} if length is None else {"Content-Length": str(length)}),
        **(headers or {}),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")


def upload_target(verb: str, name: str | bytes, **parameters: str | int) -> str:
    """Write the target of a call of the upload API."""
    query = f"name={quote(name, safe='')}"
    return f"/api/upload/{verb}?{query}" + (f"&{urlencode(parameters)}" if parameters else "")


class Api:
    """The upload API, over one connection that is made anew after it was lost."""

    def __init__(self, port: int) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def call(self, method: str, target: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        """Make one request.

        :raises OSError, http.client.HTTPException: the connection was lost.
        """
        try:
            self._http.request(method, target, body=body, headers=headers or {})
            answer = self._http.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        except (OSError, http.client.HTTPException):
            self._http.close()
            raise

    def get(self, path: str, **headers: str) -> Answer:
        """GET."""
        return self.call("GET", path, headers=headers)

    def put(self, path: str, body: Any, **headers: str) -> Answer:
        """PUT."""
        return self.call("PUT", path, body, headers)

    def listing(self, path: str = "/") -> set[str]:
        """Give the names of a folder of up to 10,000."""
        answer = self.call("GET", f"{path}?limit=10000", headers={"Accept": "application/json"})
        assert answer.status == 200, answer
        return {entry["name"] for entry in answer.json["entries"]}

    def offset(self, name: str, **parameters: str | int) -> int:
        """Ask for the offset, which has to be told."""
        answer = self.call("GET", upload_target("offset", name, **parameters))
        assert answer.status == 200, answer
        return int(answer.json["offset"])

    def chunk(self, name: str, offset: int, body: Any, **parameters: str | int) -> Answer:
        """Send one chunk."""
        return self.call("POST", upload_target("chunk", name, offset=offset, **parameters), body)

    def complete(self, name: str, size: int, **parameters: str | int) -> Answer:
        """Ask for the upload to be published."""
        return self.call("POST", upload_target("complete", name, size=size, **parameters))
