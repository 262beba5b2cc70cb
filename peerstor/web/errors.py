"""One table from faults to answers (`http.md`, section 5), and the one way an answer of that kind is written."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen
from twisted.logger import Logger

from peerstor import errors
from peerstor.daemon.secretpaths import without_ids
from peerstor.http.phrases import phrase
from peerstor.http.ranges import unsatisfied_range
from peerstor.http.request import StreamingRequest
from peerstor.sentences import Sentence
from peerstor.web.counts import WebCounts
from peerstor.web.headers import NOTHING, PRIVATE
from peerstor.web.negotiation import wanted_type
from peerstor.web.pages import Pages

_log = Logger()


@frozen
class Row:
    """What a client is told of one kind of fault.

    :param status: of HTTP.
    :param code: for machines; never changes.
    :param message: for people; may name the fault's own fields in braces.
    :param fields: those of the fault's fields that stand in the JSON, and under which name.
    :param headers: from the fault to further headers.
    """

    status: int
    code: str
    message: str
    fields: Mapping[str, str] = {}
    headers: Callable[[Any], Mapping[bytes, bytes]] = lambda _: {}


def _retry(fault: Any) -> Mapping[bytes, bytes]:
    return {b"Retry-After": b"%d" % fault.retry_after}


def _soon(_: Any) -> Mapping[bytes, bytes]:
    return {b"Retry-After": b"5"}


def _challenge(_: Any) -> Mapping[bytes, bytes]:
    return {b"WWW-Authenticate": b'Bearer realm="PeerStor"'}


REASON = "{reason}"
"""The message where the fault itself has the sentence."""

TABLE: dict[type[errors.Fault], Row] = {
    errors.BadPath: Row(400, "bad_path", "This path cannot be used."),
    errors.BadName: Row(400, "bad_name", "This name cannot be used."),
    errors.BadNumber: Row(400, "bad_number", "{parameter} must be a whole number from 0 to 2^63-1."),
    errors.BadRequest: Row(400, "bad_request", REASON),
    errors.BadType: Row(415, "bad_type", REASON),
    errors.LengthNeeded: Row(411, "length_needed", "Say how long the content is: Content-Length is missing."),
    errors.TooLarge: Row(413, "too_large", "This is larger than the {limit} bytes allowed.", {"limit": "limit"}),
    errors.TooManyEntries: Row(
        413,
        "too_large",
        "There is too much in this folder to be copied in one go: at most {limit} entries.",
        {"limit": "limit"},
    ),
    errors.WrongHost: Row(
        421,
        "wrong_host",
        "This server doesn't know itself by that name. Its owner can allow it: --allow-host NAME",
    ),
    errors.HttpsNeeded: Row(
        403, "https_needed", "Nothing is taken here in clear. Use {address}", {"address": "address"}
    ),
    errors.CrossSite: Row(403, "cross_site", "Requests from other sites are not allowed."),
    errors.LoginNeeded: Row(401, "login_needed", "Sign in first.", headers=_challenge),
    errors.PasswordNeeded: Row(401, "password_needed", "This link has a password.", headers=_challenge),
    errors.Forbidden: Row(403, "forbidden", "Not allowed."),
    errors.TooMany: Row(429, "too_many", "Too many requests at once. Try again soon.", headers=_retry),
    errors.NotFound: Row(404, "not_found", "Nothing here."),
    errors.MethodRefused: Row(
        405, "method", "Use {allow}.", headers=lambda fault: {b"Allow": ", ".join(fault.allowed).encode()}
    ),
    errors.TooMuch: Row(
        413,
        "too_many_entries",
        "An archive holds at most {limit} entries, in folders at most {depth} deep.",
        {"limit": "limit", "depth": "depth"},
    ),
    errors.Unreadable: Row(403, "unreadable", "Something that belongs into the archive cannot be read."),
    errors.IsFolder: Row(409, "is_folder", "This is a folder; its address ends in /."),
    errors.NoParent: Row(409, "no_parent", "The folder that should hold this does not exist."),
    errors.Exists: Row(409, "exists", "There is something of this name already."),
    errors.PreconditionFailed: Row(412, "precondition", "It has changed in the meantime."),
    errors.ChangedMeanwhile: Row(
        412, "precondition", "It was changed while it was moved, so it stays where it was. Try again."
    ),
    errors.RangeNotSatisfiable: Row(
        416,
        "range",
        "There are only {size} bytes.",
        headers=lambda fault: {b"Content-Range": unsatisfied_range(fault.size)},
    ),
    errors.OffsetMismatch: Row(409, "offset_mismatch", "The upload is at byte {offset}.", {"offset": "offset"}),
    errors.Busy: Row(409, "busy", "Another upload of this name is under way.", {"offset": "offset"}, _retry),
    errors.OtherUpload: Row(
        409, "other_upload", "A different file of this name was begun.", {"offset": "offset", "age": "age"}
    ),
    errors.DigestMismatch: Row(
        400, "digest_mismatch", "The content is not what its digest says.", {"offset": "offset"}
    ),
    errors.NoSuchUpload: Row(409, "offset_mismatch", "The upload is at byte 0."),
    errors.BodyCut: Row(400, "cut", "The content ended before its end."),
    errors.NoSpace: Row(507, "no_space", "There is no room left.", {"free": "free"}),
    errors.QuotaExceeded: Row(
        507, "quota", "There is no room left: {left} bytes may still come.", {"left": "left"}
    ),
    errors.StorageUnavailable: Row(
        503, "storage", "The storage cannot be used at the moment. Try again soon.", headers=_soon
    ),
    errors.Stopping: Row(503, "stopping", "The server is shutting down. Try again soon.", headers=_soon),
    errors.Overloaded: Row(503, "overloaded", "Too much is going on. Try again soon.", headers=_soon),
}

EARLY = {400: "bad_request", 408: "too_slow", 414: "uri_too_long", 429: "too_many", 431: "headers_too_large"}
"""Codes of the answers to what could not even be read as a request."""


def refusal_body(status: int) -> tuple[bytes, bytes]:
    """Give the media type and text of an answer to what could not be read as a request."""
    message = phrase(status).decode()
    return b"application/json", _json({"error": EARLY.get(status, "bad_request"), "message": f"{message}."})


class Errors:
    """Answers faults, and logs what its owner should know."""

    def __init__(self, *, pages: Pages, counts: WebCounts) -> None:
        self._pages = pages
        self._counts = counts

    def row(self, fault: errors.Fault) -> Row:
        """Find the row of a fault's type, or of the nearest type above it.

        :raise KeyError: the table has none.
        """
        for kind in type(fault).__mro__:
            if kind in TABLE:
                return TABLE[kind]
        raise KeyError(type(fault))

    def told(self, fault: errors.Fault) -> dict[str, Any]:
        """Give what a client is told of a fault, as the JSON has it; its message is a `Sentence`."""
        row = self.row(fault)
        known = {name: getattr(fault, name) for name in getattr(fault, "__match_args__", ())}
        if isinstance(fault, errors.MethodRefused):
            known["allow"] = ", ".join(fault.allowed)
        message = known["reason"] if row.message == REASON else Sentence(row.message, **known)
        told: dict[str, Any] = {"error": row.code, "message": message}
        for name, attribute in row.fields.items():
            if getattr(fault, attribute) is not None:
                told[name] = getattr(fault, attribute)
        if isinstance(fault, errors.NoSuchUpload):
            told["offset"] = 0
        return told

    def answer(self, request: StreamingRequest, error: BaseException) -> bytes:
        """Set up the answer to an error and give its body.

        A `Fault` is answered by the table. Anything else is a defect of ours: 500. From there on the answer tells
        the request's id, by which its owner finds in the log what happened, for a defect beside the trace.
        """
        if isinstance(error, errors.Fault):
            row, told = self.row(error), self.told(error)
            status, headers = row.status, row.headers(error)
            if status >= 500:
                message = "{told} {method} {uri}: {fault} (request {request})"
                _log.warn(message, told=row.code, fault=str(error), **what_of(request))
            elif request.method not in (b"GET", b"HEAD", b"OPTIONS"):
                _log.info("refused {method} {uri}: {told} (request {request})", told=row.code, **what_of(request))
        else:
            status, headers = 500, {}
            told = {
                "error": "internal",
                "message": Sentence("Something went wrong ({id}).", id=request.request_id),
            }
            what = what_of(request)
            _log.failure("internal error {request} at {method} {uri}", **what)
        if status >= 500:
            self._counts.failed(told["error"])
            told["id"] = request.request_id
        return self.write(request, status, told, headers)

    def write(
        self, request: StreamingRequest, status: int, told: Mapping[str, Any], headers: Mapping[bytes, bytes]
    ) -> bytes:
        """Set the status and headers of an error and give its body, in the form that the client can read."""
        for stale in (
            b"etag", b"last-modified", b"content-encoding", b"content-disposition", b"accept-ranges",
            b"content-language",
        ):  # fmt: skip
            request.responseHeaders.removeHeader(stale)
        request.setResponseCode(status)
        for name, value in headers.items():
            request.setHeader(name, value)
        private = request.responseHeaders.getRawHeaders(b"cache-control", [b""])[0].startswith(b"private,")
        request.setHeader(b"cache-control", PRIVATE if private else b"no-cache")
        request.setHeader(b"content-security-policy", NOTHING)
        kind = "application/json"
        if not request.path.startswith(b"/api/"):
            request.responseHeaders.addRawHeader(b"vary", b"Accept")
            kind = wanted_type(request.requestHeaders, ("text/plain", "text/html", "application/json"))
        if kind == "application/json":
            body = _json(told)
        elif kind == "text/html":
            body = self._pages.error(request, status, _in_words(told, self._pages.texts(request).say))
        else:
            body = f"{_in_words(told)}\n".encode()
        request.setHeader(
            b"content-type", kind.encode() + (b"" if kind == "application/json" else b"; charset=utf-8")
        )
        request.setHeader(b"content-length", b"%d" % len(body))
        return body


def what_of(request: StreamingRequest) -> dict[str, Any]:
    """Spell the request for the log: printable ASCII, no id of a share, and no query, which may hold a secret."""
    return {
        "request": request.request_id,
        "method": request.method.decode("ascii", "backslashreplace"),
        "uri": without_ids(request.path).decode("ascii", "backslashreplace"),
    }


def _in_words(told: Mapping[str, Any], say: Callable[[str], str] = str) -> str:
    """Give the message, and the request's id where there is one to tell.

    :param say: says it in another language.
    """
    message, request_id = say(told["message"]), told.get("id", "")
    return message if request_id in message else f"{message} ({request_id})"


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"
