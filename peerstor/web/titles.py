"""What error pages call the statuses of HTTP: their reason phrases, to be translated like all that we say."""

from collections.abc import Mapping

from peerstor.http.phrases import phrase
from peerstor.sentences import Sentence

TITLES: Mapping[int, str] = {
    400: Sentence("Bad Request"),
    401: Sentence("Unauthorized"),
    403: Sentence("Forbidden"),
    404: Sentence("Not Found"),
    405: Sentence("Method Not Allowed"),
    408: Sentence("Request Timeout"),
    409: Sentence("Conflict"),
    411: Sentence("Length Required"),
    412: Sentence("Precondition Failed"),
    413: Sentence("Request Entity Too Large"),
    415: Sentence("Unsupported Media Type"),
    416: Sentence("Requested Range Not Satisfiable"),
    421: Sentence("Misdirected Request"),
    429: Sentence("Too Many Requests"),
    500: Sentence("Internal Server Error"),
    503: Sentence("Service Unavailable"),
    507: Sentence("Insufficient Storage"),
}
"""Those that faults have (`web/errors.py`)."""


def title_of(status: int) -> str:
    """Name a status."""
    return TITLES.get(status) or phrase(status).decode()
