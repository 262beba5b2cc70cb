"""What a request says that its bytes add up to: the fields of RFC 9530, and `digest=`."""

import re
from collections.abc import Iterable, Sequence

from twisted.web.http_headers import Headers

from peerstor.errors import BadRequest
from peerstor.http.digestfields import DigestFieldBroken, digest_members
from peerstor.http.request import StreamingRequest
from peerstor.uploads.digests import Digest
from peerstor.web.parameters import text

CONTENT = (b"content-digest",)
"""What speaks of a chunk: its content is a part of the file."""

WHOLE = (b"content-digest", b"repr-digest")
"""What speaks of a whole file: without a content coding, the content is the representation."""

CHECKED = ("sha-256", "sha-512")
"""Algorithms of the fields that are looked at; RFC 9530, section 5, has any other left alone."""

_SAID = re.compile(rb"(sha-256|sha-512|blake3):([0-9A-Fa-f]{64,128})")


def sent_digests(headers: Headers, fields: Iterable[bytes]) -> tuple[Digest, ...]:
    """Read what the header says of the body.

    :param fields: the names of the fields that speak of it.
    :raise BadRequest: one of them can't be read. It is there to keep wrong bytes out, so it isn't passed over.
    """
    said = [(field, lines) for field in fields if (lines := headers.getRawHeaders(field))]
    return tuple(digest for field, lines in said for digest in _read(field, lines))


def said_digest(request: StreamingRequest) -> Digest | None:
    """Read the parameter `digest`, as `sha-256:<hex>`; None where it is absent.

    :raise BadRequest: it is anything else.
    """
    value = text(request, b"digest")
    if value is None:
        return None
    found = _SAID.fullmatch(value)
    try:
        if found:
            return Digest(found[1].decode("ascii"), bytes.fromhex(found[2].decode("ascii")))
    except ValueError:
        pass  # of another length
    raise BadRequest("digest must be sha-256:, sha-512: or blake3: and all the digits of the digest in hex.")


def _read(field: bytes, lines: Sequence[bytes]) -> list[Digest]:
    try:
        members = digest_members(lines)
        return [Digest(name, members[name] or b"") for name in CHECKED if name in members]
    except (DigestFieldBroken, ValueError):
        name = field.decode("ascii").title()
        raise BadRequest("{name} must be as sha-256=:base64: (RFC 9530).", name=name) from None
