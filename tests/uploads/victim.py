"""A process that uploads file after file through the real engine until it is killed, saying what was acknowledged.

Started with the storage's path and the number of the file to begin with; each line of its output is an
acknowledgement as a client would get it: `at NUMBER OFFSET` and `done NUMBER`.
"""

import hashlib
import os
import random
import sys
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from peerstor.daemon.threads import Threads
from peerstor.errors import NoSuchUpload, OffsetMismatch
from peerstor.tree.publish import Conflict
from peerstor.uploads.digests import Digest
from peerstor.uploads.records import UploadKey
from tests.uploads.scaffold import Body, World

SIZE = 600_000


def content(number: int) -> bytes:
    """The bytes of a file, the same in every process."""
    return random.Random(number).randbytes(SIZE)


def say(*words: object) -> None:
    """Acknowledge, in one write."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def upload(engine: Any, number: int) -> None:
    """Upload one file as a client does that has just come back."""
    key, data = UploadKey("guest", b"", b"file-%d" % number), content(number)
    options = {"size": SIZE, "conflict": Conflict.RENAME, "may_replace": False}
    try:
        await engine.complete(key, **options)
    except (NoSuchUpload, OffsetMismatch):
        offset = await engine.offset(key)
        say("at", number, offset)
        while offset < SIZE:
            piece = data[offset : offset + random.randrange(1, 150_000)]
            said = [Digest("sha-256", hashlib.sha256(piece).digest())] if random.random() < 0.5 else []
            offset = await engine.append(key, offset=offset, source=Body(piece), length=len(piece), digests=said)
            say("at", number, offset)
        await engine.complete(key, **options)
    say("done", number)


async def main(root: bytes, number: int) -> None:
    """Upload until killed."""
    pools = [Threads(reactor=reactor, name=name, size=size) for name, size in (("disk", 4), ("ledger", 1))]
    for pool in pools:
        pool.start()
    world = World(root, clock=reactor, threads=pools[0], ledger_threads=pools[1])
    await world.engine.start()
    while True:
        await upload(world.engine, number)
        number += 1


def failed(failure: Any) -> None:
    """End at once and loudly."""
    failure.printTraceback()
    os._exit(3)


if __name__ == "__main__":
    reactor.callWhenRunning(
        lambda: Deferred.fromCoroutine(main(os.fsencode(sys.argv[1]), int(sys.argv[2]))).addErrback(failed)
    )
    reactor.run()
