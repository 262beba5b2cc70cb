"""Joins the faces under one root."""

import socket
from collections.abc import Callable, Sequence

from twisted.internet.interfaces import IReactorTime
from zope.interface import classImplements

from peerstor.access.keyring import Keyring
from peerstor.access.shares.links import ShareLinks
from peerstor.access.throttle import Throttle
from peerstor.cache.store import Cache
from peerstor.config.live import LiveSettings
from peerstor.daemon.loopdelay import LoopDelay
from peerstor.http.body import BodyStream
from peerstor.http.formparts import FilePart
from peerstor.interfaces import IAudit, IByteSource, IChangeListener, IThreads
from peerstor.settings import Settings
from peerstor.tree.cached import CachedFiles
from peerstor.tree.following import Following
from peerstor.tree.operations import Operations
from peerstor.tree.publish import Publisher
from peerstor.tree.sandbox import Sandbox
from peerstor.uploads.engine import Engine
from peerstor.web.acting.site import build_acting
from peerstor.web.archives import ArchivesFace
from peerstor.web.archiving import Archives
from peerstor.web.assets import AssetsFace
from peerstor.web.authentication import Authentication
from peerstor.web.coded import CodedFiles
from peerstor.web.cors import Cors
from peerstor.web.counts import WebCounts
from peerstor.web.errors import Errors
from peerstor.web.events import EventsFace
from peerstor.web.eventstream import Streams
from peerstor.web.files import Files
from peerstor.web.forms import Forms
from peerstor.web.forwarded import TrustedProxies
from peerstor.web.freespace import Disks
from peerstor.web.guard import Guard
from peerstor.web.health import HealthFace, Pulse, look_at
from peerstor.web.hosts import KnownHosts
from peerstor.web.https import HttpsOnly
from peerstor.web.kept import KeptListings
from peerstor.web.links import Links
from peerstor.web.listing import Listings
from peerstor.web.login import LoginFace
from peerstor.web.me import MeFace
from peerstor.web.metrics import MetricsFace, MetricsGuard
from peerstor.web.namesagain import NamesAgain
from peerstor.web.openapi.face import OpenApiFace
from peerstor.web.operations import OperationsFace
from peerstor.web.pages import Pages
from peerstor.web.putting import Putting
from peerstor.web.root import Root
from peerstor.web.shares.site import build_shares
from peerstor.web.trashface import TrashFace
from peerstor.web.tree import TreeFace
from peerstor.web.uploadcalls import UploadCalls
from peerstor.web.uploads import UploadsFace
from peerstor.web.viewing.documents import Documents
from peerstor.web.viewing.readmes import Readmes
from peerstor.web.viewing.site import build_views

# The plumbing knows nothing of our seams; here the two meet.
classImplements(BodyStream, IByteSource)
classImplements(FilePart, IByteSource)


def build_root(
    *,
    live: LiveSettings,
    keyring: Keyring,
    share_links: ShareLinks,
    instance_id: str,
    sandbox: Sandbox,
    publisher: Publisher,
    operations: Operations,
    engine: Engine,
    disk: IThreads,
    reads: IThreads,
    lists: IThreads,
    copies: IThreads,
    coders: IThreads,
    archivers: IThreads,
    cache: Cache | None,
    clock: IReactorTime,
    wall: Callable[[], float],
    listeners: Sequence[IChangeListener],
    audit: IAudit,
    counts: WebCounts,
    delay: LoopDelay,
    following: Following,
    streams: Streams,
    state: bytes,
) -> Root:
    """Build the root of all addresses.

    :param live: the settings; what can change of them, does.
    :param keyring: what people come with; open.
    :param share_links: what was handed out of the storage; in the keyring.
    :param instance_id: of the storage.
    :param disk: where the tree is changed.
    :param reads: where files are opened and read; apart, so that a slow upload doesn't hold a download up.
    :param lists: where folders are listed.
    :param copies: where whole files and folders are copied.
    :param coders: where answers are compressed.
    :param archivers: where archives are made; apart, so that they hold neither downloads nor listings up.
    :param cache: keeps what was compressed; None to compress everything anew.
    :param wall: the time, seconds since the epoch.
    :param audit: told of what isn't a change of the tree: who signs in, what is shared.
    :param counts: where requests are counted, and whoever sees the figures reads them; the site counts their ends.
    :param delay: of the reactor.
    :param following: hears of changes; one of `listeners`.
    :param streams: of those who listen for changes.
    :param state: the folder of databases, of whose disk the figures tell the room.
    """
    settings = live.now
    links = Links(settings.base_path)
    pages = Pages(links=links)
    errors = Errors(pages=pages, counts=counts)
    throttle = Throttle(clock.seconds)
    authentication = Authentication(
        keyring=keyring,
        level=lambda: live.now.anonymous,
        throttle=throttle,
        audit=audit,
        instance_id=instance_id,
        base=links.base,
        clock=clock,
        wall=wall,
    )
    guard = Guard(access=authentication, errors=errors, links=links)
    keyring.on_change.append(streams.look_again)  # first: a stream that isn't cut ends in good order
    keyring.on_change.append(guard.cut_ended)
    cors = Cors(settings.cors, closed=lambda: keyring.any)
    coded = CodedFiles(threads=reads, coders=coders, clock=clock, counts=counts, cache=cache)
    plain_files = Files(threads=reads, clock=clock, gzip_threshold=0, coded=coded, counts=counts)
    files = Files(
        threads=reads,
        clock=clock,
        gzip_threshold=_gzip_threshold(settings),
        coded=coded,
        counts=counts,
    )
    kept = KeptListings(sandbox=sandbox, clock=clock) if settings.fast_lanes else None
    documents = Documents()
    readmes = Readmes(sandbox=sandbox, documents=documents)
    listings = Listings(
        sandbox=sandbox,
        threads=lists,
        beginnings=reads,
        clock=clock,
        pages=pages,
        readmes=readmes,
        kept=kept,
    )
    archives = Archives(sandbox=sandbox, threads=archivers, clock=clock, counts=counts)
    forms = Forms(engine=engine, errors=errors, pages=pages)
    putting = Putting(engine=engine, guard=guard, links=links)
    tree = TreeFace(
        guard=guard,
        errors=errors,
        cors=cors,
        links=links,
        sandbox=sandbox,
        cached=CachedFiles(sandbox) if settings.fast_lanes else None,
        publisher=publisher,
        putting=putting,
        names=NamesAgain(engine=engine, putting=putting, guard=guard) if settings.fast_lanes else None,
        reads=reads,
        disk=disk,
        files=files,
        listings=listings,
        archives=archives,
        forms=forms,
        listeners=listeners,
    )
    acts = OperationsFace(
        guard=guard,
        errors=errors,
        cors=cors,
        links=links,
        operations=operations,
        publisher=publisher,
        disk=disk,
        copies=copies,
        listeners=listeners,
    )
    trash = TrashFace(
        guard=guard,
        errors=errors,
        cors=cors,
        links=links,
        restorer=operations.restorer,
        disk=disk,
        lists=lists,
        copies=copies,
        listeners=listeners,
    )
    acting = build_acting(
        guard=guard,
        errors=errors,
        cors=cors,
        links=links,
        pages=pages,
        sandbox=sandbox,
        reads=reads,
        lists=lists,
        acts=acts,
        trash=trash,
    )
    events = EventsFace(
        guard=guard,
        errors=errors,
        cors=cors,
        authentication=authentication,
        following=following,
        streams=streams,
        clock=clock,
    )
    me = MeFace(guard=guard, errors=errors, cors=cors, authentication=authentication, links=links, pages=pages)
    calls = UploadCalls(engine=engine, max_request=lambda: live.now.max_request)
    uploads = UploadsFace(guard=guard, errors=errors, cors=cors, links=links, calls=calls)
    archived = ArchivesFace(guard=guard, errors=errors, cors=cors, archives=archives)
    described = OpenApiFace(guard=guard, errors=errors, cors=cors, links=links, access=authentication)
    assets = AssetsFace(guard=guard, errors=errors, cors=cors, pages=pages)
    views = build_views(
        guard=guard,
        errors=errors,
        cors=cors,
        links=links,
        pages=pages,
        sandbox=sandbox,
        documents=documents,
        threads=lists,
    )
    pulse = Pulse(look=look_at(sandbox), threads=reads, clock=clock)
    health = HealthFace(guard=guard, errors=errors, cors=cors, pulse=pulse)
    metrics = MetricsFace(
        guard=MetricsGuard(
            is_open=lambda: live.now.metrics_open, access=authentication, errors=errors, links=links
        ),
        errors=errors,
        cors=cors,
        counts=counts,
        uploads=engine.counts,
        delay=delay,
        disks=Disks({"storage": settings.storage, "state": state}, threads=reads, clock=clock),
        threads=reads,
    )
    login = LoginFace(
        guard=guard, errors=errors, cors=cors, pages=pages, links=links, authentication=authentication
    )
    shares = build_shares(
        share_links=share_links,
        keyring=keyring,
        guard=guard,
        errors=errors,
        cors=cors,
        links=links,
        pages=pages,
        sandbox=sandbox,
        engine=engine,
        reads=reads,
        files=files,
        plain_files=plain_files,
        listings=listings,
        archives=archives,
        forms=forms,
        calls=calls,
        throttle=throttle,
        audit=audit,
        clock=clock,
        wall=wall,
    )
    hosts = KnownHosts(own=(socket.gethostname(),), allowed=settings.allow_host)
    proxies = TrustedProxies(settings.trusted_proxy)
    root = Root(
        hosts=hosts,
        links=links,
        proxies=proxies,
        cors=cors,
        errors=errors,
        tree=tree.routes.resource(tree),
        own={
            b"/api/upload/": uploads.routes.resource(uploads),
            **dict.fromkeys(
                (b"/api/folder", b"/api/move", b"/api/copy", b"/api/delete"), acts.routes.resource(acts)
            ),
            b"/api/trash": trash.routes.resource(trash),
            b"/api/archive": archived.routes.resource(archived),
            b"/api/events": events.routes.resource(events),
            b"/api/me": me.routes.resource(me),
            b"/api/openapi.json": described.routes.resource(described),
            **acting,
            b"/-/health": health.routes.resource(health),
            b"/-/metrics": metrics.routes.resource(metrics),
            b"/-/me": me.routes.resource(me),  # behind what begins so
            b"/-/static/": assets.routes.resource(assets),
            b"/-/login": login.routes.resource(login),
            b"/-/logout": login.routes.resource(login),
            **views.own,
            **shares.own,
        },
        raw={**shares.raw, **views.raw},
        https=HttpsOnly(clock=clock) if settings.https else None,
        hsts=settings.hsts,
    )

    def take(now: Settings) -> None:
        hosts.allow(now.allow_host)
        proxies.trust(now.trusted_proxy)
        cors.setting = now.cors
        files.gzip_threshold = _gzip_threshold(now)
        root.hsts = now.hsts
        streams.look_again()

    live.follow(take)
    return root


def _gzip_threshold(settings: Settings) -> int:
    return settings.gzip_threshold if settings.gzip else 0
