"""Joins the faces under one root."""

import socket
from collections.abc import Sequence

from twisted.internet.interfaces import IReactorTime
from zope.interface import classImplements

from peerstor.http.body import BodyStream
from peerstor.http.formparts import FilePart
from peerstor.interfaces import IAudit, IByteSource, IChangeListener, IThreads
from peerstor.settings import Settings
from peerstor.tree.publish import Publisher
from peerstor.tree.sandbox import Sandbox
from peerstor.uploads.engine import Engine
from peerstor.web.assets import AssetsFace
from peerstor.web.cors import Cors
from peerstor.web.errors import Errors
from peerstor.web.files import Files
from peerstor.web.forms import Forms
from peerstor.web.guard import Access, Guard
from peerstor.web.hosts import KnownHosts
from peerstor.web.listing import Listings
from peerstor.web.pages import Pages
from peerstor.web.root import Root
from peerstor.web.tree import TreeFace
from peerstor.web.uploads import UploadsFace

# The plumbing knows nothing of our seams; here the two meet.
classImplements(BodyStream, IByteSource)
classImplements(FilePart, IByteSource)


def build_root(
    *,
    settings: Settings,
    access: Access,
    sandbox: Sandbox,
    publisher: Publisher,
    engine: Engine,
    disk: IThreads,
    reads: IThreads,
    lists: IThreads,
    coders: IThreads,
    clock: IReactorTime,
    listeners: Sequence[IChangeListener],
    audit: IAudit,
) -> Root:
    """Build the root of all addresses.

    :param access: tells who makes a request.
    :param disk: where the tree is changed.
    :param reads: where files are opened and read; apart, so that a slow upload doesn't hold a download up.
    :param lists: where folders are listed.
    :param coders: where answers are compressed.
    :param audit: told of what isn't a change of the tree: who signs in, what is shared.
    """
    pages = Pages()
    errors = Errors(pages=pages)
    guard = Guard(access=access, errors=errors)
    cors = Cors(settings.cors or "*")
    files = Files(
        threads=reads,
        coders=coders,
        clock=clock,
        gzip_threshold=settings.gzip_threshold if settings.gzip else 0,
    )
    tree = TreeFace(
        guard=guard,
        errors=errors,
        cors=cors,
        sandbox=sandbox,
        publisher=publisher,
        engine=engine,
        reads=reads,
        disk=disk,
        files=files,
        listings=Listings(sandbox=sandbox, threads=lists, pages=pages),
        forms=Forms(engine=engine, errors=errors, pages=pages),
        listeners=listeners,
    )
    uploads = UploadsFace(guard=guard, errors=errors, cors=cors, engine=engine)
    assets = AssetsFace(guard=guard, errors=errors, cors=cors, pages=pages)
    return Root(
        hosts=KnownHosts(own=(socket.gethostname(),), allowed=settings.allow_host),
        cors=cors,
        errors=errors,
        tree=tree.routes.resource(tree),
        own={
            b"/api/upload/": uploads.routes.resource(uploads),
            b"/-/static/": assets.routes.resource(assets),
        },
    )
