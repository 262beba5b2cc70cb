"""The face of the description of the API."""

import hashlib
import json

from attrs import frozen

from peerstor.access.rights import Right
from peerstor.errors import PreconditionFailed
from peerstor.http.conditional import Verdict, evaluate
from peerstor.http.request import StreamingRequest
from peerstor.web.cors import Cors
from peerstor.web.errors import Errors
from peerstor.web.guard import Access, Admission, Guard
from peerstor.web.links import Links
from peerstor.web.routes import Routes


@frozen
class _Made:
    """The description as it is sent."""

    content: bytes
    tag: str


class OpenApiFace:
    """Open to everybody: it tells what anybody could read in our documentation, and nothing of what is stored."""

    routes = Routes()

    def __init__(self, *, guard: Guard, errors: Errors, cors: Cors, links: Links, access: Access) -> None:
        """Make the face.

        :param access: tells whether there is anything that one needs no token for.
        """
        self.guard = guard
        self.errors = errors
        self.cors = cors
        self._links = links
        self._access = access
        self._made: dict[bool, _Made] = {}

    @routes.on("/api/openapi.json", "GET", needs=Right.NONE)
    async def document(self, request: StreamingRequest, admission: Admission) -> bytes:
        """Answer with the description, or that it is still the same."""
        made = self._description(token_needed=not any(grant.rights for grant in self._access.anonymous.grants))
        request.setHeader(b"etag", made.tag.encode())
        verdict = evaluate(request.method, request.requestHeaders, tag=made.tag, mtime=None)
        if verdict is Verdict.FAILED:
            raise PreconditionFailed()
        if verdict is Verdict.NOT_MODIFIED:
            request.setResponseCode(304)
            return b""
        request.setHeader(b"content-type", b"application/json")
        request.setHeader(b"content-length", b"%d" % len(made.content))
        return made.content

    def _description(self, *, token_needed: bool) -> _Made:
        """Give the description, which is made when it is first asked for."""
        if token_needed not in self._made:
            # Not at the top: most servers are never asked.
            from peerstor.web.openapi.document import description

            told = description(self._links.base, token_needed=token_needed)
            content = json.dumps(told, separators=(",", ":")).encode() + b"\n"
            self._made[token_needed] = _Made(content, f'"{hashlib.sha256(content).hexdigest()[:32]}"')
        return self._made[token_needed]
