"""The names that people write into forms."""

from collections.abc import Mapping

from peerstor.errors import BadName
from peerstor.tree.paths import check_new_name


def new_name(fields: Mapping[str, str]) -> bytes:
    """Read the name that something is to get.

    :raise BadName: it is none that PeerStor gives.
    """
    name = fields.get("name", "").encode("utf-8", "surrogateescape")
    try:
        check_new_name(name)
    except UnicodeEncodeError:
        raise BadName() from None
    return name
