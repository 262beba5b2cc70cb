"""Where a page that says what went wrong leads: back to what whoever sees it may see."""

from attrs import frozen
from zope.interface import Interface, implementer

from peerstor.http.request import StreamingRequest


class IWayOut(Interface):
    """What a request keeps its way out by."""


@implementer(IWayOut)
@frozen
class WayOut:
    """The ways that such a page shows.

    :param home: the address behind our name; empty for the page itself.
    :param back: the address to go back to; None where there is none.
    :param words: what that is called.
    :param hint: what else helps somebody who finds nothing.
    """

    home: str
    back: str | None = None
    words: str = ""
    hint: str = ""


def keep_way_out(request: StreamingRequest, way_out: WayOut) -> None:
    """Remember with a request where to lead if it goes wrong."""
    request.setComponent(IWayOut, way_out)


def way_out_of(request: StreamingRequest) -> WayOut | None:
    """Give the way out of a request; None where it is the usual one."""
    found: WayOut | None = request.getComponent(IWayOut)
    return found
