"""The fast lane of routes: Klein's resource, without what most requests do not need of it.

Klein matches every address anew, and wraps each handler in half a dozen Deferreds, also one that never waits. Here
what an address means is looked up, and a handler runs as the coroutine that it is: a Deferred is made when it
waits. Whatever is out of the ordinary (an address that no route has, a method that it doesn't take, lanes that are
off) is left to Klein, as is the meaning of each address: it comes from its map.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, cast

from attrs import frozen
from klein import Klein
from klein.resource import KleinResource
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.server import NOT_DONE_YET
from werkzeug.exceptions import HTTPException

from peerstor.http.request import StreamingRequest
from peerstor.web.completion import complete, finish, told

REMEMBERED = 512
"""Addresses whose meaning is remembered. There are as many as routes, but for those with a parameter."""

Endpoint = Callable[..., Coroutine[Deferred[Any], Any, bytes]]
"""A route's handler: takes the face, the request, and what the address says."""


@frozen
class _Match:
    """What a method and an address mean."""

    endpoint: Endpoint
    arguments: Mapping[str, Any]


class Dispatch(KleinResource):
    """Serves the routes of one Klein app.

    Handlers are coroutines that give the rest of the body, as `Routes` has them; what else Klein takes isn't known
    here.
    """

    def __init__(
        self,
        app: Klein,
        *,
        face: Any,
        endpoints: Mapping[str, Endpoint],
        failed: Callable[[StreamingRequest, Failure], bytes],
    ) -> None:
        """Serve an app.

        :param app: bound to the face.
        :param face: the instance with the handlers.
        :param endpoints: the handlers, by the names that the app knows them by.
        :param failed: answers what a handler raised, as the app's own handler of errors does.
        """
        super().__init__(app)
        self._map = app.url_map.bind("localhost")
        self._face = face
        self._endpoints = endpoints
        self._failed = failed
        self._matches: dict[tuple[bytes, bytes], _Match] = {}

    def render(self, request: Any) -> Any:
        """Answer a request, as Klein would."""
        match = self._match(request) if request.channel.site.lanes and not request.prepath else None
        if match is None:
            return super().render(request)
        coroutine = match.endpoint(self._face, request, **match.arguments)
        try:
            coroutine.send(None)
        except StopIteration as done:
            finish(done.value, request)
        except Exception:
            finish(told(Failure(), request, self._failed), request)
        else:
            complete(coroutine, request, self._failed)
        return NOT_DONE_YET

    def _match(self, request: StreamingRequest) -> _Match | None:
        """Tell what a request's method and address mean; None where that is for Klein to say."""
        if not request.postpath:
            return None
        key = request.method, b"/".join(request.postpath)
        known = self._matches.get(key)
        if known is not None:
            return known
        try:
            method, path = key[0].decode("ascii"), key[1].decode("utf-8")
            rule, arguments = self._map.match(f"/{path.removeprefix('/')}", method=method, return_rule=True)
        except (HTTPException, UnicodeDecodeError):
            return None
        if len(self._matches) >= REMEMBERED:  # clients may make up as many as they like
            self._matches.clear()
        match = self._matches[key] = _Match(self._endpoints[cast(str, rule.endpoint)], arguments)
        return match
