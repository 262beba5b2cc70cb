"""What a status is called."""

from functools import lru_cache
from http import HTTPStatus


@lru_cache(maxsize=64)
def phrase(status: int) -> bytes:
    """Give the reason phrase of a status: twisted's table lacks 421, 429, 431 and other later ones."""
    try:
        return HTTPStatus(status).phrase.encode("ascii")
    except ValueError:
        return b""
