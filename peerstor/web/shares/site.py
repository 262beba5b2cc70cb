"""Joins the faces of share links."""

from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen
from twisted.web.resource import Resource

from peerstor.access.keyring import Keyring
from peerstor.access.shares.links import ShareLinks
from peerstor.access.throttle import Throttle
from peerstor.interfaces import IAudit, IThreads
from peerstor.tree.sandbox import Sandbox
from peerstor.uploads.engine import Engine
from peerstor.web.archiving import Archives
from peerstor.web.cors import Cors
from peerstor.web.errors import Errors
from peerstor.web.files import Files
from peerstor.web.forms import Forms
from peerstor.web.guard import Guard
from peerstor.web.links import Links
from peerstor.web.listing import Listings
from peerstor.web.pages import Pages
from peerstor.web.shares.access import ShareAccess
from peerstor.web.shares.api import ShareApiFace
from peerstor.web.shares.chunks import ShareChunksFace
from peerstor.web.shares.guard import ShareGuard
from peerstor.web.shares.making import Sharing
from peerstor.web.shares.pages import SharePagesFace
from peerstor.web.shares.public import SharedFace
from peerstor.web.shares.reading import ShareReading
from peerstor.web.shares.unlocking import UnlockFace
from peerstor.web.shares.uploads import ShareUploads
from peerstor.web.shares.view import MOUNT, ShareDoor
from peerstor.web.uploadcalls import UploadCalls


@frozen
class ShareFaces:
    """The faces, by the beginning of the addresses that they serve.

    :param own: those that Klein matches.
    :param raw: those that read the raw address.
    """

    own: Mapping[bytes, Resource]
    raw: Mapping[bytes, Resource]


def build_shares(
    *,
    share_links: ShareLinks,
    keyring: Keyring,
    guard: Guard,
    errors: Errors,
    cors: Cors,
    links: Links,
    pages: Pages,
    sandbox: Sandbox,
    engine: Engine,
    reads: IThreads,
    files: Files,
    plain_files: Files,
    listings: Listings,
    archives: Archives,
    forms: Forms,
    calls: UploadCalls,
    throttle: Throttle,
    audit: IAudit,
    clock: Any,
    wall: Callable[[], float],
) -> ShareFaces:
    """Build the faces of share links.

    :param guard: of those who make them; those who open them have one of their own.
    :param plain_files: sends files without compressing them.
    """
    shares, tickets = share_links.shares, share_links.tickets
    access = ShareAccess(
        keyring=keyring,
        share_links=share_links,
        links=links,
        sandbox=sandbox,
        reads=reads,
        throttle=throttle,
        audit=audit,
        clock=clock,
    )
    own_guard = ShareGuard(access=access, errors=errors, links=links, pages=pages, shares=shares)
    keyring.on_change.append(own_guard.cut_ended)
    uploads = ShareUploads(
        engine=engine, forms=forms, shares=shares, allowance=share_links.allowance, audit=audit, wall=wall
    )
    chunks = ShareChunksFace(guard=own_guard, errors=errors, cors=cors, calls=calls, uploads=uploads)
    shared = SharedFace(
        guard=own_guard,
        errors=errors,
        cors=cors,
        pages=pages,
        reading=ShareReading(
            sandbox=sandbox,
            reads=reads,
            files=files,
            plain_files=plain_files,
            listings=listings,
            archives=archives,
            pages=pages,
            downloads=share_links.downloads,
            tickets=tickets,
        ),
        uploads=uploads,
        allowance=share_links.allowance,
        tickets=tickets,
    )
    unlock = UnlockFace(guard=own_guard, errors=errors, cors=cors, links=links, access=access, tickets=tickets)
    sharing = Sharing(
        shares=shares,
        makers=share_links.makers,
        passwords=share_links.passwords,
        guard=guard,
        sandbox=sandbox,
        reads=reads,
        audit=audit,
        wall=wall,
    )
    api = ShareApiFace(guard=guard, errors=errors, cors=cors, links=links, sharing=sharing, wall=wall)
    own_pages = SharePagesFace(
        guard=guard, errors=errors, cors=cors, pages=pages, links=links, sharing=sharing, wall=wall
    )
    return ShareFaces(
        own={
            b"/api/shares": api.routes.resource(api),
            b"/-/shares": own_pages.routes.resource(own_pages),
            b"/-/unlock/": unlock.routes.resource(unlock),
        },
        raw={
            MOUNT.encode(): ShareDoor(
                shares=shares, face=shared.routes.resource(shared), calls=chunks.routes.resource(chunks)
            )
        },
    )
