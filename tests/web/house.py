"""A whole PeerStor in memory but for its storage: real tree, real engine, real HTTP, no sockets and no waiting."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from typing import Any

from attrs import frozen
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from peerstor.access.keyring import Keyring
from peerstor.access.shares.links import ShareLinks
from peerstor.cache.store import Cache
from peerstor.config.live import LiveSettings
from peerstor.daemon.auditedchanges import AuditedChanges
from peerstor.daemon.loopdelay import LoopDelay
from peerstor.http.repeats import Repeats
from peerstor.http.site import StreamingSite
from peerstor.settings import Settings
from peerstor.tree.following import Following
from peerstor.tree.operations import Operations
from peerstor.tree.private import PrivateFolder
from peerstor.tree.publish import Publisher
from peerstor.tree.sandbox import Sandbox
from peerstor.tree.trash import Trash
from peerstor.tree.turns import Turns
from peerstor.uploads.engine import Engine
from peerstor.uploads.ledger import Ledger
from peerstor.uploads.parts import PartStore
from peerstor.web.changelog import ChangeLog
from peerstor.web.counts import WebCounts
from peerstor.web.errors import refusal_body
from peerstor.web.eventstream import Streams
from peerstor.web.site import build_root
from tests.fakes import ImmediateThreads, KeptAudit, roomy
from tests.http.wire import Wire
from tests.lanes import FAST_LANES


@frozen
class Answer:
    """One answer, taken apart."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class House:
    """Builds everything that `peerstor.node` builds, with threads that run at once."""

    def __init__(self, **settings: Any) -> None:
        self.folder = tempfile.mkdtemp()
        self.storage = os.path.join(self.folder, "storage")
        os.mkdir(self.storage)
        self.settings = Settings(storage=self.storage, **{"fast_lanes": FAST_LANES, **settings})
        self.live = LiveSettings(self.settings)
        self.clock = Clock()
        self.wall = 1_700_000_000.0
        threads = ImmediateThreads()
        fd = os.open(self.storage, os.O_RDONLY)
        self.private = PrivateFolder.open(fd, storage=os.fsencode(self.storage))
        os.close(fd)
        self.sandbox = Sandbox(os.fsencode(self.storage), private=self.private)
        # In a minute from now every file has settled; `look` lets the cache begin.
        self.cache = Cache(
            dir_fd=self.private.cache_fd,
            asked=self.settings.cache_size,
            wall=lambda: time.time() + 60,
            disk=roomy,
        )
        trash = Trash(private=self.private, sandbox=self.sandbox, fsync=False)
        turns = Turns()
        publisher = Publisher(sandbox=self.sandbox, trash=trash, fsync=False, turns=turns)
        operations = Operations.of(
            sandbox=self.sandbox, private=self.private, trash=trash, turns=turns, fsync=False
        )
        self.audit = KeptAudit()
        self.following = Following(sandbox=self.sandbox, threads=threads, clock=self.clock, wall=lambda: self.wall)
        listeners = (ChangeLog(), AuditedChanges(self.audit), self.following)
        self.engine = Engine(
            ledger=Ledger(path=os.fsencode(os.path.join(self.folder, "uploads.sqlite")), fsync=False),
            parts=PartStore(private=self.private),
            publisher=publisher,
            sandbox=self.sandbox,
            threads=threads,
            ledger_threads=threads,
            clock=self.clock,
            wall=lambda: self.wall,
            boot_id="boot",
            max_upload=self.settings.max_upload,
            expiry=self.settings.upload_expiry_seconds,
            fsync=False,
            listeners=listeners,
            lanes=self.settings.fast_lanes,
        )
        self.live.follow(
            lambda now: self.engine.limit(max_upload=now.max_upload, expiry=now.upload_expiry_seconds)
        )
        self.keyring = Keyring(
            folder=os.fsencode(self.folder),
            instance_id=self.private.instance_id,
            fsync=False,
            secret=self.settings.token,
            threads=threads,
            clock=self.clock,
            wall=lambda: self.wall,
        )
        self.share_links = ShareLinks.of(
            keyring=self.keyring,
            level=lambda: self.live.now.anonymous,
            threads=threads,
            hashing=threads,
            wall=lambda: self.wall,
        )
        self.keyring.open()
        self.counts, self.delay = WebCounts(), LoopDelay(self.clock)
        self.streams = Streams(counts=self.counts)
        self.root = build_root(
            live=self.live,
            keyring=self.keyring,
            share_links=self.share_links,
            instance_id=self.private.instance_id,
            sandbox=self.sandbox,
            publisher=publisher,
            operations=operations,
            engine=self.engine,
            disk=threads,
            reads=threads,
            lists=threads,
            copies=threads,
            coders=threads,
            archivers=threads,
            cache=self.cache if self.settings.fast_lanes else None,
            clock=self.clock,
            wall=lambda: self.wall,
            listeners=listeners,
            audit=self.audit,
            counts=self.counts,
            delay=self.delay,
            following=self.following,
            streams=self.streams,
            state=os.fsencode(self.folder),
        )
        self.repeats = Repeats(ready=lambda: self.keyring.fresh)
        self.keyring.on_change.append(self.repeats.forget)
        self.live.follow(lambda now: self.repeats.forget())
        self.site = StreamingSite(
            self.root,
            reactor=self.clock,  # type: ignore[arg-type]
            refusal_body=refusal_body,
            log=self.counts.ended,
            lanes=self.settings.fast_lanes,
            repeats=self.repeats,
        )

    def close(self) -> None:
        """Remove everything."""
        self.private.close()
        shutil.rmtree(self.folder)

    def path(self, *names: str | bytes) -> bytes:
        """Give the path of something in the storage."""
        return os.path.join(os.fsencode(self.storage), *map(os.fsencode, names))

    def put_file(self, name: str | bytes, content: bytes = b"content") -> bytes:
        """Let a file lie in the storage."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def content(self, name: str | bytes) -> bytes:
        """Read a file of the storage."""
        with open(self.path(name), "rb") as file:
            return file.read()

    def connect(self) -> tuple[Any, Wire]:
        """Open a connection."""
        channel, wire = self.site.buildProtocol(None), Wire()
        channel.makeConnection(wire)
        return channel, wire

    def send(self, data: bytes) -> Answer:
        """Send bytes on a connection of their own and take the first final answer apart."""
        channel, wire = self.connect()
        channel.dataReceived(data)
        self.settle()
        received = wire.value()
        channel.connectionLost(Failure(ConnectionError()))
        while received.startswith(b"HTTP/1.1 100 "):
            received = received.partition(b"\r\n\r\n")[2]
        return _taken_apart(received)

    def settle(self) -> None:
        """Let everything happen that is due now."""
        for _ in range(2000):
            if all(call.getTime() > self.clock.seconds() for call in self.clock.getDelayedCalls()):
                return
            self.clock.advance(0)

    def ask(
        self, method: str, target: str | bytes, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """Send one request."""
        fields = {"Host": "localhost", **(headers or {})}
        if body is not None:
            fields["Content-Length"] = str(len(body))
        head = b"%s %s HTTP/1.1\r\n" % (method.encode(), target.encode() if isinstance(target, str) else target)
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value is not None)
        return self.send(head + lines.encode() + b"\r\n" + (body or b""))

    def get(self, target: str | bytes, **headers: str) -> Answer:
        """GET, with header names spelled with `_`."""
        return self.ask("GET", target, headers={name.replace("_", "-"): value for name, value in headers.items()})


def _taken_apart(received: bytes) -> Answer:
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        name = name.lower()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if headers.get("transfer-encoding") == "chunked":
        body = _dechunked(body)
    return Answer(int(first.split()[1]), headers, body)


def _dechunked(body: bytes) -> bytes:
    whole = b""
    while True:
        length, _, body = body.partition(b"\r\n")
        size = int(length, 16)
        if not size:
            assert body == b"\r\n", body[:50]
            return whole
        whole += body[:size]
        body = body[size + 2 :]
