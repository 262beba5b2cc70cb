"""The seams of the house: what one room asks of another without importing it."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer
from zope.interface import Attribute, Interface

P = ParamSpec("P")
T = TypeVar("T")


class IThreads(Interface):
    """Somewhere to run what may block (disk, digests, compression), off the reactor's thread."""

    def run(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:  # type: ignore[misc,unused-ignore]  # noqa: N805
        """Call `function` in a thread.

        :return: a Deferred that fires in the reactor's thread with its result, or fails with what it raised.
            Cancelling it does not stop the function; the result is thrown away.
        """


class IByteSource(Interface):
    """Bytes that arrive over time and can be taken once: a request's body, or one part of a form."""

    ended: bool = Attribute("""Whether all of them are here, so that to take them asks nothing of the client.""")

    def deliver(consumer: IConsumer) -> Deferred[int]:  # noqa: N805
        """Push the bytes into `consumer`.

        Calls, in order: `consumer.registerProducer(producer, True)` once, `consumer.write(data)` any number of
        times in the reactor's thread, `consumer.unregisterProducer()` once. The producer is an `IPushProducer`:
        after `pauseProducing` at most one read (64 KiB) still arrives until `resumeProducing`; `stopProducing`
        ends the delivery at once, and the Deferred fails with `Exception` of any kind.

        :return: a Deferred with the count of bytes at a true end; it fails when the bytes end before that. What
            was written until then stays valid: it is a prefix.
        """


class IViewConsumer(IConsumer):
    """A consumer that takes bytes where they lie, without an object being made of them."""

    direct: bool = Attribute("""Whether views are welcome at this moment: writing one costs next to no time.""")

    def write_through(data: memoryview) -> None:  # noqa: N805
        """Take the next bytes, as `write` does; the two may alternate.

        :param data: good only during the call: other bytes will lie there. Where `direct` is not so, they are
            copied.
        """


class IChangeListener(Interface):
    """Told of every change of the tree, in the reactor's thread, after it is durable."""

    def published(path: bytes, size: int, by: str, replaced: bool, address: str | None) -> None:  # noqa: N805
        """A file appeared under `path` (storage-relative, `/`-joined bytes, no leading slash).

        :param size: bytes.
        :param by: name of the principal.
        :param replaced: whether it took the place of an older one.
        :param address: of the client; None where a crash lay between its request and this.
        """

    def removed(path: bytes, by: str, address: str | None) -> None:  # noqa: N805
        """A file or folder went to the trash."""

    def made(path: bytes, by: str, address: str | None) -> None:  # noqa: N805
        """A folder was made."""

    def moved(path: bytes, to: bytes, by: str, replaced: bool, address: str | None) -> None:  # noqa: N805
        """A file or folder has another name, and no longer the one that it had.

        :param path: where it was.
        :param to: where it is.
        :param replaced: whether it took the place of something.
        """

    def copied(path: bytes, to: bytes, by: str, address: str | None) -> None:  # noqa: N805
        """A copy of the file or folder at `path` appeared at `to`."""

    def restored(path: bytes, by: str, address: str | None) -> None:  # noqa: N805
        """Something was put back from the trash, and is found at `path`."""

    def purged(path: bytes, by: str, address: str | None) -> None:  # noqa: N805
        """Something that lay at `path` was dropped from the trash for good."""


class IAudit(Interface):
    """Keeps who did what, for the server's owner to read later."""

    def note(event: str, *, principal: str, address: str | None, **details: Any) -> None:  # noqa: N805
        """Note something that has happened. Never raises nor blocks; call it in the reactor's thread.

        :param event: what, as one word: `login`, `login_failed`, `upload`, `replace`, `delete`, `share` ...
        :param principal: name of who did it; of a login that failed, whatever is known of who it should have been.
        :param address: of the client; None where it isn't known.
        :param details: what else there is to say, by names that tell it. Text may hold whatever a client sent, a
            path is bytes and begins with `/`; never a secret. `outcome` is `refused` for an event that ends in
            `_failed`, else `ok`, unless it is given.
        """
