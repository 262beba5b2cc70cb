"""The composition root: builds every part and hands each its collaborators; nothing else knows them all."""

import os
import resource
import socket
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from peerstor.access.keyring import Keyring
from peerstor.access.shares.links import ShareLinks
from peerstor.access.tokenwatch import TokenWatch
from peerstor.cache.store import Cache
from peerstor.cache.upkeep import Upkeep
from peerstor.config.live import LiveSettings
from peerstor.config.sources import Sources
from peerstor.daemon.accesslog import AccessLog
from peerstor.daemon.auditedchanges import AuditedChanges
from peerstor.daemon.auditlog import AuditLog
from peerstor.daemon.listen import Listening
from peerstor.daemon.logfile import LogFile
from peerstor.daemon.loopdelay import LoopDelay
from peerstor.daemon.notify import Notifier
from peerstor.daemon.reloading import Reloading
from peerstor.daemon.rereading import Rereading
from peerstor.daemon.threads import Threads
from peerstor.errors import Fault, Stopping
from peerstor.http.repeats import Repeats
from peerstor.http.request import StreamingRequest
from peerstor.http.site import StreamingSite
from peerstor.settings import Settings
from peerstor.tree.following import Following
from peerstor.tree.operations import Operations
from peerstor.tree.private import PrivateFolder
from peerstor.tree.publish import Publisher
from peerstor.tree.sandbox import Sandbox
from peerstor.tree.staging import Stage
from peerstor.tree.sweeping import Sweeper
from peerstor.tree.trash import Trash
from peerstor.tree.turns import Turns
from peerstor.uploads.engine import Engine
from peerstor.uploads.ledger import Ledger
from peerstor.uploads.parts import PartStore
from peerstor.web.changelog import ChangeLog
from peerstor.web.counts import WebCounts
from peerstor.web.errors import refusal_body
from peerstor.web.eventstream import ALL, Streams
from peerstor.web.forwarded import TrustedProxies
from peerstor.web.site import build_root

if TYPE_CHECKING:  # it brings in cryptography, which only a server that speaks TLS needs
    from peerstor.daemon.certificate import KeptCertificate

_log = Logger()

DESCRIPTORS_KEPT = 200
"""Descriptors that connections may not take: open files, part files, the ledger, the log.

Half of them are for what is accepted in one go, before it shows that there is no more room.
"""

LOOK_EVERY = 60.0
"""Seconds between questions whether the trash is to be swept; the question costs nothing."""

CUT_WITHIN = 1.0
"""Seconds that what is left may take to end after it was cut."""


class Node(Service):
    """One running PeerStor: its parts, started and stopped in order."""

    def __init__(
        self,
        *,
        reactor: Any,
        live: LiveSettings,
        private: PrivateFolder,
        pools: Sequence[Threads],
        sweep_threads: Threads,
        engine: Engine,
        keyring: Keyring,
        sweeper: Sweeper,
        site: StreamingSite,
        listening: Listening,
        access_log: AccessLog,
        audit_log: AuditLog,
        notifier: Notifier,
        delay: LoopDelay,
        streams: Streams,
        stage: Stage | None = None,
        upkeep: Upkeep | None = None,
        reloading: Reloading | None = None,
        certificate: "KeptCertificate | None" = None,
    ) -> None:
        self._reactor = reactor
        self._live = live
        self._private = private
        self._pools = pools
        self._sweep_threads = sweep_threads
        self._engine = engine
        self._keyring = keyring
        self._sweeper = sweeper
        self._stage = stage
        self._site = site
        self._listening = listening
        self._access_log = access_log
        self._audit_log = audit_log
        self._notifier = notifier
        self._delay = delay
        self._streams = streams
        self._upkeep = upkeep
        self._reloading = reloading
        self._certificate = certificate
        self._sweeping = LoopingCall(self._sweep_if_due)
        self._sweeping.clock = reactor
        self._started: Deferred[None] | None = None

    @property
    def has_tokens(self) -> bool:
        """Whether there is any token to sign in with."""
        return self._keyring.any

    @property
    def certificate_lines(self) -> list[str]:
        """What people compare before they trust a certificate of our own making; nothing without HTTPS."""
        return self._certificate.identity.lines() if self._certificate is not None else []

    def privilegedStartService(self) -> None:
        """Take over the sockets, while that is still allowed."""
        super().privilegedStartService()
        self._listening.privilegedStartService()

    def startService(self) -> None:
        """Open what must be opened after the fork and the change of user."""
        super().startService()
        self._private.write_pid()
        if self._reloading is not None:
            self._reloading.start()
        for pool in self._pools:
            pool.start()
        if self._upkeep is not None:
            self._upkeep.start()
        if self._certificate is not None:
            self._certificate.start()
        self._access_log.start()
        self._audit_log.start()
        self._keyring.start()
        self._started = Deferred.fromCoroutine(self._begin())
        self._sweeping.start(LOOK_EVERY, now=False)
        self._delay.start()
        self._listening.startService()
        self._notifier.start(self._status)

    def _status(self) -> str:
        """Say in a few words how much is going on."""
        return f"{self._site.connections} connections, {self._site.busy} requests under way"

    async def _begin(self) -> None:
        try:
            await self._engine.start()
            if self._stage is not None:
                await self._sweep_threads.run(self._stage.sweep)
            await self._sweep()
        except Stopping:
            return
        except Fault as fault:
            _log.error("The storage could not be made ready: {fault}", fault=fault)
        except Exception:
            _log.failure("The storage could not be made ready")

    async def _sweep_if_due(self) -> None:
        if self._sweeper.due():
            await self._sweep()

    async def _sweep(self) -> None:
        """Drop what the trash may not keep. Whatever goes wrong, the next look is in a minute."""
        try:
            count = await self._sweep_threads.run(self._sweeper.sweep)
        except Fault as fault:
            _log.warn("The trash could not be looked through: {fault}", fault=fault)
        except Exception:
            _log.failure("The trash could not be looked through")
        else:
            if count:
                _log.info("dropped {count} old things from the trash", count=count)

    def stopService(self) -> Deferred[None]:
        """End in good order: see `threats.md`, SIGTERM."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        """Stop accepting, flush and close resumable uploads, let the rest end within the drain time, then cut.

        A disk that hangs holds nothing up beyond its share of that time: nothing that was acknowledged is lost
        by leaving it behind.
        """
        self._notifier.stopping()
        await self._listening.stopService()
        if self._sweeping.running:
            self._sweeping.stop()
        self._delay.stop()
        if self._upkeep is not None:
            self._upkeep.stop()
        if self._certificate is not None:
            self._certificate.stop()
        self._streams.close()  # they would never end by themselves
        self._site.begin_stopping()
        cut_at = self._reactor.seconds() + self._live.now.drain
        await self._finish(Deferred.fromCoroutine(self._engine.end_appends()), cut_at)
        await self._wait(lambda: not self._site.connections, cut_at)
        end_at = self._reactor.seconds() + CUT_WITHIN
        if self._site.connections:
            _log.info("cut {count} connections that did not end", count=self._site.connections)
            self._site.cut_all()
            await self._wait(lambda: not self._site.connections, end_at)
        await self._finish(self._access_log.stop(), end_at)
        if not await self._finish(Deferred.fromCoroutine(self._end()), end_at):
            _log.warn("the disk does not answer; what it was doing is left behind")
        await self._finish(Deferred.fromCoroutine(self._audit_log.stop()), end_at)
        for pool in self._pools:
            pool.stop(max(0.0, end_at - self._reactor.seconds()))
        self._private.close()
        self._notifier.stop()
        if self._reloading is not None:  # last: the signal shall not kill what is ending in good order
            self._reloading.stop()

    async def _end(self) -> None:
        if self._started is not None:
            await self._started
        await self._engine.stop()
        await self._keyring.stop()

    async def _finish(self, done: Deferred[None], until: float) -> bool:
        """Let something come to its end, and tell whether it did before a time of the reactor's clock."""
        done.addErrback(lambda failure: _log.failure("A step of stopping failed", failure=failure))
        return await self._wait(lambda: done.called, until)

    async def _wait(self, over: Callable[[], bool], until: float) -> bool:
        while not over() and self._reactor.seconds() < until:
            await deferLater(self._reactor, 0.02)
        return over()


def build(
    settings: Settings,
    sockets: list[socket.socket],
    reactor: Any,
    *,
    secure: Sequence[socket.socket] = (),
    sources: Sources | None = None,
    notifier: Notifier | None = None,
    log_file: LogFile | None = None,
) -> Node:
    """Build a node and claim its storage.

    :param sockets: of --port or --listen, bound and listening.
    :param secure: of --https-port, bound and listening.
    :param sources: where the settings came from, and come from again on SIGHUP; None for nowhere.
    :param notifier: tells the service manager; None where there is none.
    :param log_file: of the server's own log, opened again on SIGHUP; None where it goes elsewhere.
    :raise StartupError: the storage can't be used, or is in use.
    """
    notifier = notifier or Notifier(address=None, reactor=reactor)
    live = LiveSettings(settings)
    private, sandbox = _open_storage(settings)
    private.acquire_lock()
    disk = Threads(reactor=reactor, name="disk", size=8, few=4)
    syncs = Threads(reactor=reactor, name="syncs", size=4, few=4)
    ledger_pool = Threads(reactor=reactor, name="ledger", size=1)
    access_pool = Threads(reactor=reactor, name="access", size=1)
    # A password takes 19 MiB while it is hashed, whoever sends it: never more than two at once.
    hashing = Threads(reactor=reactor, name="passwords", size=2, few=2)
    reads = Threads(reactor=reactor, name="reads", size=8)
    # A listing counts its entries in Python: another thread would take as long as the two one after the other.
    lists = Threads(reactor=reactor, name="lists", size=4, patience=0.25)
    cores = max(2, os.cpu_count() or 1)
    coders = Threads(reactor=reactor, name="coders", size=cores, few=cores)
    # An archive of small files is made in Python for the most part, as a listing is.
    archivers = Threads(reactor=reactor, name="archives", size=8, patience=0.25)
    writing_log = Threads(reactor=reactor, name="log", size=1)
    writing_audit = Threads(reactor=reactor, name="audit", size=1)
    sweep_threads = Threads(reactor=reactor, name="trash", size=1)
    caching = Threads(reactor=reactor, name="cache", size=1)
    # Apart: a copy takes as long as it takes, and uploads go on beside it.
    copies = Threads(reactor=reactor, name="copies", size=2, few=2)
    pools = (
        disk, syncs, ledger_pool, access_pool, hashing, reads, lists, coders, archivers, writing_log,
        writing_audit, sweep_threads, caching, copies,
    )  # fmt: skip
    audit_log = AuditLog(path=_audit_path(settings, private), threads=writing_audit, clock=reactor)
    following = Following(sandbox=sandbox, threads=reads, clock=reactor, wall=time.time)
    listeners = (ChangeLog(), AuditedChanges(audit_log), following)
    trash = Trash(private=private, sandbox=sandbox, fsync=settings.fsync)
    turns = Turns()
    publisher = Publisher(sandbox=sandbox, trash=trash, fsync=settings.fsync, turns=turns)
    operations = Operations.of(sandbox=sandbox, private=private, trash=trash, turns=turns, fsync=settings.fsync)
    state = settings.state or os.path.join(settings.storage, b".peerstor")
    ledger = Ledger(path=Ledger.path_in(state, private.instance_id), fsync=settings.fsync)
    ledger.check()
    cache = Cache(dir_fd=private.cache_fd, asked=settings.cache_size if settings.fast_lanes else 0)
    upkeep = Upkeep(cache=cache, threads=caching, clock=reactor)
    engine = Engine(
        ledger=ledger,
        parts=PartStore(private=private, spare=cache),
        publisher=publisher,
        sandbox=sandbox,
        threads=disk,
        ledger_threads=ledger_pool,
        sync_threads=syncs,
        clock=reactor,
        wall=time.time,
        boot_id=boot_id(),
        max_upload=settings.max_upload,
        expiry=settings.upload_expiry_seconds,
        fsync=settings.fsync,
        listeners=listeners,
        lanes=settings.fast_lanes,
    )
    keyring = Keyring(
        folder=state,
        instance_id=private.instance_id,
        fsync=settings.fsync,
        secret=settings.token,
        threads=access_pool,
        clock=reactor,
        wall=time.time,
    )
    share_links = ShareLinks.of(
        keyring=keyring, level=lambda: live.now.anonymous, threads=access_pool, hashing=hashing, wall=time.time
    )
    keyring.open()
    keyring.on_change.append(TokenWatch(tokens=keyring.tokens, audit=audit_log))
    counts, delay, capacity = WebCounts(), LoopDelay(reactor), _capacity()
    streams = Streams(counts=counts, most=min(ALL, capacity // 2) if capacity else ALL)
    root = build_root(
        live=live,
        keyring=keyring,
        share_links=share_links,
        instance_id=private.instance_id,
        sandbox=sandbox,
        publisher=publisher,
        operations=operations,
        engine=engine,
        disk=disk,
        reads=reads,
        lists=lists,
        copies=copies,
        coders=coders,
        archivers=archivers,
        cache=cache if settings.fast_lanes else None,
        clock=reactor,
        wall=time.time,
        listeners=listeners,
        audit=audit_log,
        counts=counts,
        delay=delay,
        following=following,
        streams=streams,
        state=state,
    )
    repeats = Repeats(ready=lambda: keyring.fresh)
    keyring.on_change.append(repeats.forget)
    access_log = AccessLog(path=settings.access_log, threads=writing_log, clock=reactor)
    proxies = TrustedProxies(settings.trusted_proxy)
    site = StreamingSite(
        root,
        reactor=reactor,
        refusal_body=refusal_body,
        log=_telling(counts, access_log),
        per_address=settings.max_connections_per_address,
        exempt=lambda address: address in proxies,
        capacity=capacity,
        full=lambda full: listening.set_full(full),
        lanes=settings.fast_lanes,
        repeats=repeats,
    )
    tls = None
    if settings.tls:
        # Not at the top: pyOpenSSL and cryptography are a fifth of what an idle server without TLS would hold.
        from peerstor.tls import build_tls

        tls = build_tls(
            live=live,
            state=state,
            instance_id=private.instance_id,
            site=site,
            threads=disk,
            reactor=reactor,
        )
    listening = Listening(
        reactor=reactor,
        sockets=sockets,
        factory=cast(Any, tls.either if tls is not None and settings.https else site),
        local=cast(Any, site),
        secure=None if tls is None else (secure, tls.secure),
    )

    def take(now: Settings) -> None:
        repeats.forget()
        upkeep.resize(now.cache_size if now.fast_lanes else 0)
        engine.limit(max_upload=now.max_upload, expiry=now.upload_expiry_seconds)
        site.per_address = now.max_connections_per_address
        proxies.trust(now.trusted_proxy)
        access_log.write_to(now.access_log)
        audit_log.write_to(_audit_path(now, private))

    live.follow(take)
    # Settings first: a certificate of our own making has the names that are allowed.
    actions = [notifier.reloading]
    if log_file is not None:
        actions.append(log_file.reopen)
    if sources is not None and sources.file is not None:
        actions.append(Rereading(sources=sources, live=live, threads=disk).reload)
    if tls is not None:
        actions.append(tls.certificate.reload)
    actions.append(notifier.reloaded)
    return Node(
        reactor=reactor,
        live=live,
        private=private,
        pools=pools,
        sweep_threads=sweep_threads,
        engine=engine,
        keyring=keyring,
        sweeper=Sweeper(trash=trash, sandbox=sandbox),
        stage=operations.stage,
        site=site,
        listening=listening,
        access_log=access_log,
        audit_log=audit_log,
        notifier=notifier,
        delay=delay,
        streams=streams,
        upkeep=upkeep,
        reloading=Reloading(reactor=reactor, actions=actions),
        certificate=None if tls is None else tls.certificate,
    )


def boot_id() -> str:
    """Tell one run of the machine from another; what the page cache held is lost between two of them."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:  # not Linux: the moment of the start, to the second
        return f"up-since-{int(time.time() - time.monotonic())}"


def _open_storage(settings: Settings) -> tuple[PrivateFolder, Sandbox]:
    fd = os.open(settings.storage, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        private = PrivateFolder.open(fd, storage=settings.storage)
    finally:
        os.close(fd)
    return private, Sandbox(settings.storage, private=private, hidden=_mounted_state(settings))


def _mounted_state(settings: Settings) -> frozenset[tuple[int, int]]:
    """Tell the state folder by what it is: where a part of the storage is mounted twice, no path tells it."""
    if settings.state is None:
        return frozenset()
    found = os.stat(settings.state)
    return frozenset({(found.st_dev, found.st_ino)})


def _audit_path(settings: Settings, private: PrivateFolder) -> bytes | None:
    if settings.audit_log == "none":
        return None
    return settings.audit_log or AuditLog.path_in(
        settings.state, os.path.join(settings.storage, b".peerstor"), private.instance_id
    )


def _capacity() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 0 if soft == resource.RLIM_INFINITY else max(soft - DESCRIPTORS_KEPT, soft // 4)


def _telling(counts: WebCounts, access_log: AccessLog) -> Callable[[StreamingRequest], None]:
    def log(request: StreamingRequest) -> None:
        counts.ended(request)
        if not access_log.wanted:
            return
        access_log.log(
            address=request.remote,
            method=request.method,
            uri=request.uri,
            protocol=request.clientproto,
            status=request.code,
            sent=request.sentLength,
            referer=request.getHeader(b"referer"),
            agent=request.getHeader(b"user-agent"),
        )

    return log
