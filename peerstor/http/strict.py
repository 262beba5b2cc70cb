"""Reading the head of a request as strictly as one server behind another must, and no slower than it takes."""

import re
from typing import Any

from twisted.web.http import HTTPChannel
from twisted.web.http_headers import InvalidHeaderName, _nameEncoder

from peerstor.http.chunks import BoundedChunks
from peerstor.http.heads import lines_of
from peerstor.http.seams import House

TARGET_AT_MOST = 8 * 1024
FRAMING = (b"content-length", b"transfer-encoding")
"""The headers that tell how long a body is."""

ABSOLUTE_FORM = re.compile(rb"https?://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)


class StrictChannel(HTTPChannel):
    """The part of a connection that reads heads."""

    site: House
    maxHeaders = 100
    totalHeadersSize = 16 * 1024

    def _is_closing(self) -> bool:
        """Tell whether nothing more is read."""
        raise NotImplementedError

    def _refuse(self, status: int, headers: dict[bytes, bytes] | None = None) -> None:
        """Answer a request that can't be dispatched, and close."""
        raise NotImplementedError

    def _behind_head(self, data: bytes) -> bytes:
        """Take the lines of a head that came whole (`peerstor.http.heads`); give what is left to be read.

        What is left begins with the empty line: the end of the head, and all behind it, is read the ordinary way.
        """
        begins = self.line_mode and self.persistent and "_command" not in self.__dict__
        if not (begins and self.site.lanes) or self._buffer or self._busyReceiving:
            return data
        lines = lines_of(data)
        if lines is None:
            return data
        self.lineReceived(lines[0])
        if "_command" in self.__dict__ and all(map(self.headerReceived, lines[1:])):
            return data[sum(map(len, lines)) + 2 * len(lines) :]
        return b""

    def lineReceived(self, line: bytes) -> None:
        """Check what twisted doesn't: the target's length and letters, folded headers, the size of the head."""
        if self._is_closing():
            return
        if "_command" not in self.__dict__:
            if len(line) > TARGET_AT_MOST and len(line.split(b" ")[1 % (line.count(b" ") + 1)]) > TARGET_AT_MOST:
                self._refuse(414)
                return
            if not line.isascii() or b"\x7f" in line:  # twisted lets some of these pass, and not others
                self._refuse(400)
                return
        elif line[:1] in (b" ", b"\t"):  # obsolete folding: RFC 9112, section 5.2
            self._refuse(400)
            return
        if self._receivedHeaderSize + len(line) > self.totalHeadersSize:
            self._refuse(431)
            return
        super().lineReceived(line)

    def lineLengthExceeded(self, line: bytes) -> None:
        """Refuse a line that is longer than a whole head may be."""
        if not self._is_closing():
            self._refuse(431 if "_command" in self.__dict__ else 414)

    def headerReceived(self, line: bytes) -> bool:
        """Refuse framing that two parsers could read in two ways (RFC 9112, sections 6.1 and 11.2)."""
        if self._is_closing():
            return False
        name, colon, value = line.partition(b":")
        value = value.strip(b" \t")
        lower = name.lower()
        framing = lower in FRAMING
        if framing and self._is_doubtful(lower, value):
            self._refuse(400)
            return False
        if self._receivedHeaderCount >= self.maxHeaders:
            self._refuse(431)
            return False
        return self._framed(line, lower) if framing else self._noted(name, value, whole=bool(colon))

    def _is_doubtful(self, name: bytes, value: bytes) -> bool:
        if name == b"content-length":
            return not (value.isdigit() and len(value) <= 18)
        return value.lower() != b"chunked" or self._version != b"HTTP/1.1"

    def _framed(self, line: bytes, name: bytes) -> bool:
        """Have twisted choose who decodes the body."""
        accepted = bool(super().headerReceived(line)) and not self._is_closing()
        if accepted and name == b"transfer-encoding":
            self._transferDecoder = BoundedChunks(self.requests[-1].handleContentChunk, self._finishRequestBody)
        return accepted

    def _noted(self, name: bytes, value: bytes, *, whole: bool) -> bool:
        """Keep a header that has nothing to do with framing; each of twisted's checks, in a third of the time.

        RFC 9110, sections 5.1 and 5.5: the name is a token, and the value holds no NUL, CR or LF.

        :param whole: whether there was a colon.
        """
        try:
            known = _nameEncoder.encode(name)
        except InvalidHeaderName:
            whole = False
        if not whole or len(value.translate(None, b"\0\r\n")) != len(value):
            self._refuse(400)
            return False
        self.requests[-1].requestHeaders._rawHeaders.setdefault(known, []).append(value)
        self._receivedHeaderCount += 1
        return True

    def _target_settled(self, request: Any) -> bool:
        """Turn an absolute-form target into origin-form and its Host; tell whether the head can be trusted.

        RFC 9112, section 3.2: a request of HTTP/1.1 without or with two Hosts is malformed; the authority of an
        absolute-form target replaces Host.
        """
        hosts = request.requestHeaders.getRawHeaders(b"Host", [])
        if len(hosts) > 1 or (not hosts and self._version == b"HTTP/1.1"):
            return False
        if absolute := ABSOLUTE_FORM.fullmatch(self._path):
            authority, rest = absolute.groups()
            request.requestHeaders.setRawHeaders(b"Host", [authority])
            self._path = rest if rest.startswith(b"/") else b"/" + rest
        return self._path.startswith(b"/") or (self._path == b"*" and self._command == b"OPTIONS")

    def checkPersistence(self, request: Any, version: bytes) -> bool:
        """Read `Connection` as the list that it is (RFC 9112, section 9.3)."""
        options = b",".join(request.requestHeaders.getRawHeaders(b"Connection", [])).lower()
        return version == b"HTTP/1.1" and b"close" not in {o.strip() for o in options.split(b",")}
