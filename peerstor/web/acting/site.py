"""Joins the faces of plain pages and forms."""

from collections.abc import Mapping

from twisted.web.resource import Resource

from peerstor.interfaces import IThreads
from peerstor.tree.sandbox import Sandbox
from peerstor.web.acting.deeds import Deeds
from peerstor.web.acting.entries import DELETE, RENAME, EntryFace
from peerstor.web.acting.entries import PAGE as ENTRY
from peerstor.web.acting.folders import PAGE as FOLDER
from peerstor.web.acting.folders import FolderFormFace
from peerstor.web.acting.placing import PAGE as MOVE
from peerstor.web.acting.placing import PlacingFace
from peerstor.web.acting.trash import PAGE as TRASH
from peerstor.web.acting.trash import TrashPageFace
from peerstor.web.cors import Cors
from peerstor.web.errors import Errors
from peerstor.web.guard import Guard
from peerstor.web.links import Links
from peerstor.web.operations import OperationsFace
from peerstor.web.pages import Pages
from peerstor.web.trashface import TrashFace


def build_acting(
    *,
    guard: Guard,
    errors: Errors,
    cors: Cors,
    links: Links,
    pages: Pages,
    sandbox: Sandbox,
    reads: IThreads,
    lists: IThreads,
    acts: OperationsFace,
    trash: TrashFace,
) -> Mapping[bytes, Resource]:
    """Build the faces, by the beginning of the addresses that they serve.

    :param reads: where entries are looked at.
    :param lists: where folders are listed.
    :param acts, trash: have the calls of the API, which the forms make.
    """
    deeds = Deeds(acts=acts, links=links, pages=pages)
    folder = FolderFormFace(guard=guard, errors=errors, cors=cors, deeds=deeds)
    entry = EntryFace(guard=guard, errors=errors, cors=cors, deeds=deeds, sandbox=sandbox, reads=reads)
    placing = PlacingFace(guard=guard, errors=errors, cors=cors, deeds=deeds, sandbox=sandbox, lists=lists)
    bin_ = TrashPageFace(guard=guard, errors=errors, cors=cors, deeds=deeds, trash=trash)
    return {
        FOLDER.encode(): folder.routes.resource(folder),
        **{page.encode(): entry.routes.resource(entry) for page in (ENTRY, RENAME, DELETE)},
        MOVE.encode(): placing.routes.resource(placing),
        TRASH.encode(): bin_.routes.resource(bin_),
    }
