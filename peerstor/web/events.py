"""The face of what changes: a stream that tells of folders when they do, and their versions for whoever asks."""

from collections.abc import Mapping

from twisted.internet.interfaces import IReactorTime

from peerstor.access.rights import Right
from peerstor.errors import BadRequest, Fault, Forbidden, LoginNeeded, NotFound
from peerstor.http.conditional import Verdict, evaluate
from peerstor.http.request import StreamingRequest
from peerstor.tree.following import Following
from peerstor.tree.paths import TreePath, quote_name
from peerstor.web.authentication import Authentication
from peerstor.web.cors import Cors
from peerstor.web.errors import Errors
from peerstor.web.eventstream import EventStream, Streams
from peerstor.web.guard import Admission, Guard
from peerstor.web.negotiation import wanted_type
from peerstor.web.parameters import texts
from peerstor.web.routes import Routes
from peerstor.web.uploadcalls import answer

STREAM, JSON = "text/event-stream", "application/json"

FOLDERS_AT_MOST = 16
"""Folders of one stream: as many as a browser's windows show at once, and some."""


def _first(request: StreamingRequest) -> TreePath:
    """Read the first folder that is asked for."""
    return _folders(request)[0]


def _folders(request: StreamingRequest) -> list[TreePath]:
    """Read which folders are asked for, each once.

    :raise BadRequest: none, or too many.
    :raise BadPath: something is named that can't be a folder.
    """
    values = dict.fromkeys(texts(request, b"path"))
    if not values:
        raise BadRequest("{name} is missing.", name="path")
    if len(values) > FOLDERS_AT_MOST:
        raise BadRequest("There may be {most} folders at most.", most=FOLDERS_AT_MOST)
    return list(dict.fromkeys(TreePath.from_parameter(value) for value in values))


class EventsFace:
    """Tells of folders whoever may list them."""

    routes = Routes()

    def __init__(
        self,
        *,
        guard: Guard,
        errors: Errors,
        cors: Cors,
        authentication: Authentication,
        following: Following,
        streams: Streams,
        clock: IReactorTime,
    ) -> None:
        self.guard = guard
        self.errors = errors
        self.cors = cors
        self._authentication = authentication
        self._following = following
        self._streams = streams
        self._clock = clock

    @routes.on("/api/events", "GET", needs=Right.READ, at=_first)
    async def events(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Answer with a stream, or with the present versions to whoever wants JSON.

        The first folder decides whether there is an answer at all; of the others, one that can't be listed has no
        version.
        """
        request.responseHeaders.addRawHeader(b"vary", b"Accept")
        folders = _folders(request)
        places = {folders[0]: admission.path, **{each: await self._place(request, each) for each in folders[1:]}}
        if wanted_type(request.requestHeaders, (STREAM, JSON)) == JSON:
            return self._told(request, await self._versions(places))
        request.setHeader(b"content-type", STREAM.encode())
        request.setHeader(b"cache-control", b"no-store, no-transform")
        request.setHeader(b"x-accel-buffering", b"no")  # nginx: pass it on as it comes
        if request.method == b"HEAD":
            await self._versions(places)
            return b""
        with self._streams.turn(request):
            await self._stream(request, admission, await self._versions(places))
        return b""

    async def _stream(
        self, request: StreamingRequest, admission: Admission, folders: dict[TreePath, str | None]
    ) -> None:
        principal = admission.principal
        stream = EventStream(
            request=request,
            following=self._following,
            clock=self._clock,
            may_listen=lambda: self._authentication.again(principal) == principal,
            address=_spelled,
        )
        request.endless = True
        with self._streams.running(stream):
            await stream.run(folders)

    async def _place(self, request: StreamingRequest, path: TreePath) -> TreePath | None:
        """Give where whoever asks may list a folder; None where they may not."""
        try:
            return (await self.guard.admit(request, Right.READ, lambda _: path)).path
        except (LoginNeeded, NotFound, Forbidden):
            return None

    async def _versions(self, places: Mapping[TreePath, TreePath | None]) -> dict[TreePath, str | None]:
        """Look in which versions folders are.

        :raise: of the first whatever `Following.version` does; of others nothing.
        """
        versions: dict[TreePath, str | None] = {}
        for asked, place in places.items():
            try:
                version = None if place is None else await self._following.version(place)
            except Fault:
                if not versions:
                    raise
                version = None
            versions[place or asked] = version
        return versions

    def _told(self, request: StreamingRequest, versions: dict[TreePath, str | None]) -> bytes:
        tag = f'"{"-".join(map(str, versions.values()))}"'
        request.setHeader(b"etag", tag.encode())
        if evaluate(request.method, request.requestHeaders, tag=tag, mtime=None) is Verdict.NOT_MODIFIED:
            request.setResponseCode(304)
            return b""
        return answer(
            request,
            {"folders": [{"path": _spelled(path), "version": version} for path, version in versions.items()]},
        )


def _spelled(folder: TreePath) -> str:
    """Spell a folder's path as addresses do, percent-encoded."""
    return "/" + "".join(f"{quote_name(part)}/" for part in folder.parts)
