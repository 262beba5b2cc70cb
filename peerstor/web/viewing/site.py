"""Joins the faces by which files are looked at."""

from collections.abc import Mapping

from attrs import frozen
from twisted.web.resource import Resource

from peerstor.interfaces import IThreads
from peerstor.tree.sandbox import Sandbox
from peerstor.web.cors import Cors
from peerstor.web.errors import Errors
from peerstor.web.guard import Guard
from peerstor.web.links import Links
from peerstor.web.pages import Pages
from peerstor.web.viewing.codes import PAGE, CodesFace
from peerstor.web.viewing.content import Contents
from peerstor.web.viewing.documents import Documents
from peerstor.web.viewing.face import RULE, ViewDoor, ViewFace


@frozen
class ViewFaces:
    """The faces, by the beginning of the addresses that they serve.

    :param own: those that Klein matches.
    :param raw: those that read the raw address.
    """

    own: Mapping[bytes, Resource]
    raw: Mapping[bytes, Resource]


def build_views(
    *,
    guard: Guard,
    errors: Errors,
    cors: Cors,
    links: Links,
    pages: Pages,
    sandbox: Sandbox,
    documents: Documents,
    threads: IThreads,
) -> ViewFaces:
    """Build them.

    :param threads: where files are read, and pages and codes made: apart from downloads, which they would hold up.
    """
    view = ViewFace(
        guard=guard,
        errors=errors,
        cors=cors,
        links=links,
        pages=pages,
        contents=Contents(sandbox=sandbox, documents=documents, links=links),
        threads=threads,
    )
    codes = CodesFace(guard=guard, errors=errors, cors=cors, links=links, pages=pages, threads=threads)
    return ViewFaces(
        own={PAGE.encode(): codes.routes.resource(codes)},
        raw={RULE.encode(): ViewDoor(view.routes.resource(view))},
    )
