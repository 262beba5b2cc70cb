"""Collecting a body that is small enough to be held in memory."""

from twisted.internet.interfaces import IConsumer
from zope.interface import implementer

from peerstor.http.body import BodyStream


async def collect(body: BodyStream, at_most: int) -> bytes:
    """Take the whole of a body.

    :param at_most: bytes.
    :raise BodyTooLarge: it has more.
    :raise BodyCut, BodyTaken: as `BodyStream.deliver`.
    """
    gathering = _Gathering()
    await body.deliver(gathering, at_most)
    return b"".join(gathering.pieces)


@implementer(IConsumer)
class _Gathering:
    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """Never be full: the body's maximum bounds what is gathered."""

    def unregisterProducer(self) -> None:
        """Have nothing to undo."""

    def write(self, data: bytes) -> None:
        self.pieces.append(data)
