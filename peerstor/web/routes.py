"""Klein routes that can't be declared without saying which right they need."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Protocol, cast

from klein import Klein
from klein.resource import KleinResource
from twisted.python.failure import Failure
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from peerstor import errors
from peerstor.access.rights import Right
from peerstor.http.request import StreamingRequest
from peerstor.web.cors import Cors
from peerstor.web.dispatch import Dispatch, Endpoint
from peerstor.web.errors import Errors
from peerstor.web.guard import Admission, Guard, Place
from peerstor.web.headers import set_privacy_headers

Handler = Callable[..., Awaitable[bytes]]
There = Callable[[StreamingRequest, tuple[str, ...]], tuple[str, ...]]


class Face(Protocol):
    """What a class with routes has."""

    routes: Routes
    guard: Guard
    errors: Errors
    cors: Cors


class Routes:
    """One Klein app, with the house's guard and errors on every route.

    An error raised in one Klein app doesn't reach the handlers of another, so each app has them all. OPTIONS is
    answered from the routes alone: before anybody is asked who they are, and without a look at the storage.
    """

    def __init__(self, *, there: There = lambda _, methods: methods) -> None:
        """Have no routes yet.

        :param there: tells, where several kinds of things share a rule, which of its methods an address can take.
        """
        self.there = there
        self._app = Klein()
        self._app.url_map.merge_slashes = False
        self._app.handle_errors(Exception)(cast(Any, _routing_failed))
        self._endpoints: dict[str, Endpoint] = {}
        self.needs: dict[tuple[str, str], Right] = {}
        """The right that each (rule, method) needs."""

    def on(self, rule: str, *methods: str, needs: Right, at: Place | None = None) -> Callable[[Handler], Handler]:
        """Declare a route.

        :param rule: as werkzeug has them.
        :param methods: GET brings HEAD with it.
        :param needs: the right without which the handler isn't reached; of several, one is enough.
        :param at: tells where it is needed; None for what concerns the server as a whole.
        """

        def declare(handler: Handler) -> Handler:
            names = (*methods, "HEAD") if "GET" in methods else methods
            if (rule, "OPTIONS") not in self.needs:
                self._declare_options(rule)
            for method in names:
                self.needs[rule, method] = needs

            async def guarded(face: Face, request: StreamingRequest, **arguments: Any) -> bytes:
                request.route = rule

                def handle(admission: Admission) -> Awaitable[bytes]:
                    set_privacy_headers(request, admission.principal)
                    return handler(face, request, admission, **arguments)

                return await face.guard.run(request, needs, at, handle)

            self._add(handler.__name__, rule, names, guarded)
            return handler

        return declare

    def allowed(self, rule: str, request: StreamingRequest) -> tuple[str, ...]:
        """Give the methods of a rule that an address can take, as `Allow` has them."""
        return self.there(request, tuple(method for known, method in self.needs if known == rule))

    def resource(self, face: Face) -> KleinResource:
        """Give the resource that serves these routes with the handlers of `face`."""
        return Dispatch(
            self._app.__get__(face, type(face)),
            face=face,
            endpoints=self._endpoints,
            failed=partial(_routing_failed, face),
        )

    def _add(self, name: str, rule: str, methods: Sequence[str], endpoint: Endpoint) -> None:
        """Have Klein know a handler."""
        endpoint.__name__ = name
        self._endpoints[name] = endpoint
        self._app.route(rule, methods=list(methods))(endpoint)

    def _declare_options(self, rule: str) -> None:
        self.needs[rule, "OPTIONS"] = Right.NONE

        async def options(face: Face, request: StreamingRequest, **_: Any) -> bytes:
            request.route = rule
            request.setResponseCode(204)
            request.setHeader(b"allow", ", ".join(self.allowed(rule, request)).encode())
            face.cors.set_preflight(request)
            return b""

        # Two handlers of one name in one app: the later would silently answer both.
        self._add(f"options_{len(self.needs)}", rule, ("OPTIONS",), options)


def _routing_failed(face: Face, request: StreamingRequest, failure: Failure) -> bytes:
    """Answer what no route takes."""
    error: Any = failure.value
    if isinstance(error, MethodNotAllowed):
        error = errors.MethodRefused(face.routes.there(request, tuple(sorted(error.valid_methods or ()))))
    elif isinstance(error, HTTPException):
        error = errors.NotFound()
    return face.errors.answer(request, error)
