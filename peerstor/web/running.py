"""The requests that run on the strength of a credential, to be cut when it ends."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from twisted.logger import Logger

from peerstor.http.request import StreamingRequest

_log = Logger()


class Running:
    """Knows which requests run for which credential."""

    def __init__(self) -> None:
        self._requests: dict[str, set[StreamingRequest]] = {}

    @contextmanager
    def under(self, credential: str, request: StreamingRequest) -> Iterator[None]:
        """Know a request for as long as its handler runs.

        :param credential: identity of what it came with.
        """
        requests = self._requests.setdefault(credential, set())
        requests.add(request)
        try:
            yield
        finally:
            requests.discard(request)
            if not requests:
                self._requests.pop(credential, None)

    def cut_unless(self, live: Callable[[str], bool]) -> None:
        """Cut the requests of every credential that isn't live any more."""
        for credential in [one for one in self._requests if not live(one)]:
            requests = list(self._requests[credential])
            _log.info("cut {count} transfers whose credential has ended", count=len(requests))
            for request in requests:
                request.cut()
