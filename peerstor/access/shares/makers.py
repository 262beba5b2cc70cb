"""Whether whoever made a share could make it still."""

from collections.abc import Callable, Sequence

from peerstor.access.keyring import Keyring
from peerstor.access.rights import Principal, Right

OWNER = "owner"
"""The maker of what the owner shared. It isn't their credential: a new secret is still the same owner."""


class Makers:
    """Knows the makers of shares by the credentials that they came with."""

    def __init__(self, *, keyring: Keyring, everybody: Callable[[], Principal]) -> None:
        """Know nobody by heart.

        :param everybody: gives who somebody is that came with nothing; what that one may, every token may too.
        """
        self._keyring = keyring
        self._everybody = everybody

    def of(self, principal: Principal) -> str | None:
        """Give the maker that a principal is; None for somebody who came with nothing that lasts."""
        behind = self._keyring.behind(principal.credential) if principal.credential is not None else None
        if behind is None:
            return None
        kind = behind.partition(":")[0]
        if kind == self._keyring.owner.kind:
            return OWNER
        return behind if kind == self._keyring.tokens.kind else None

    def may(self, maker: str, right: Right, parts: Sequence[bytes]) -> bool:
        """Tell whether a maker may still share what a right is needed for.

        :param parts: of the path.
        """
        return self.floor(maker, right, parts) is not None

    def floor(self, maker: str, right: Right, parts: Sequence[bytes]) -> int | None:
        """Tell how many leading parts of a path no link may lead out of for its maker (`Principal.floor`).

        :return: 0 where they may reach the whole storage; None where they may not share it.
        """
        if maker == OWNER:
            return 0
        token = self._keyring.tokens.get(maker)
        if token is None:
            return None
        principal = Principal(token.name, (token.grant, *self._everybody().grants))
        floors = [principal.floor(one, parts) for one in (Right.SHARE, right)]
        return None if None in floors else max(floor for floor in floors if floor is not None)
