"""Which request the program is busy with, for whatever it logs meanwhile."""

from contextvars import ContextVar

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of a request, while it and all that was begun on its behalf runs in the reactor's thread: Twisted keeps
the context of each coroutine. None elsewhere."""
