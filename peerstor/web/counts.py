"""What is counted of requests and answers, as plain numbers that whoever wants to may read."""

from collections.abc import Iterator
from contextlib import contextmanager

from peerstor.http.request import StreamingRequest

METHODS = {
    method: method.decode() for method in (b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS")
}
OTHER = "other"
"""Any method that nothing here takes: clients make up as many as they like."""


class WebCounts:
    """Numbers since the start of the process. Use it in the reactor's thread.

    No key comes from a client, so there are only as many as there are routes, methods of ours and statuses.

    :ivar requests: those that ended, by route, method and status; 499 is one whose client left before its answer.
    :ivar errors: answers of 500 and above, by the code in them.
    :ivar sending: files that are being sent now.
    :ivar streams: clients that listen for changes now.
    :ivar coded_again: files whose compressed form was there already.
    :ivar coded_anew: files that had to be compressed, and were worth being kept.
    """

    def __init__(self) -> None:
        """Begin at nothing."""
        self.requests: dict[tuple[str, str, int], int] = {}
        self.errors: dict[str, int] = {}
        self.sending = 0
        self.streams = 0
        self.coded_again = 0
        self.coded_anew = 0

    def ended(self, request: StreamingRequest) -> None:
        """Count a request that was answered, or whose client left."""
        key = (request.route, METHODS.get(request.method, OTHER), request.code)
        self.requests[key] = self.requests.get(key, 0) + 1

    def failed(self, code: str) -> None:
        """Count an answer of 500 or above.

        :param code: one of the table of errors.
        """
        self.errors[code] = self.errors.get(code, 0) + 1

    def coded(self, *, again: bool) -> None:
        """Count a file that is sent compressed, and whether it was kept so."""
        if again:
            self.coded_again += 1
        else:
            self.coded_anew += 1

    @contextmanager
    def transfer(self) -> Iterator[None]:
        """Count a file as being sent while the context is entered."""
        self.sending += 1
        try:
            yield
        finally:
            self.sending -= 1
