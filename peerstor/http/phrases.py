"""What a status is called."""

from http import HTTPStatus


def phrase(status: int) -> bytes:
    """Give the reason phrase of a status: twisted's table lacks 421, 429, 431 and other later ones."""
    try:
        return HTTPStatus(status).phrase.encode("ascii")
    except ValueError:
        return b""
