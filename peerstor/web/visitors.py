"""Whoever looks at a page, as far as the page needs to know."""

from attrs import frozen

from peerstor.access.rights import Principal, Right
from peerstor.access.sessions import Sessions
from peerstor.tree.paths import TreePath
from peerstor.web.links import Links


@frozen
class Visitor:
    """What the head of every page tells.

    :param name: of the principal.
    :param signed_in: whether they can sign out.
    :param can_sign_out: whether they did so by a session, which a browser can end.
    :param can_sign_in: whether there is any token to sign in with.
    :param home: the address of the folder that they see first.
    :param may_share: whether they may make links for others, anywhere.
    :param told: what else to tell them: whose link they have opened, and until when it holds.
    """

    name: str
    signed_in: bool
    can_sign_out: bool
    can_sign_in: bool
    home: str
    may_share: bool
    told: str = ""

    @classmethod
    def of(cls, principal: Principal, links: Links, *, can_sign_in: bool) -> "Visitor":
        """Describe a principal."""
        return cls(
            name=principal.name,
            signed_in=principal.signed_in,
            can_sign_out=(principal.credential or "").startswith(f"{Sessions.kind}:"),
            can_sign_in=can_sign_in,
            home=links.to(home_of(principal)),
            may_share=principal.may_somewhere(Right.SHARE),
        )


def home_of(principal: Principal) -> TreePath:
    """Give the folder that somebody sees first: the widest of theirs."""
    grants = [grant.parts for grant in principal.grants if grant.rights & (Right.READ | Right.CREATE)]
    return TreePath(min(grants, key=len, default=()), slash=True)
