"""What somebody without a token may do."""

from attrs import frozen
from twisted.web.http_headers import Headers

from peerstor.access.rights import Principal, Right

LEVELS = {
    "none": Right.NONE,
    "read": Right.READ,
    "create": Right.READ | Right.CREATE,
    "full": Right.READ | Right.CREATE | Right.CHANGE,
}
"""The values of `--anonymous`. `create` can't destroy: what is there stays as it is."""


@frozen
class Anonymous:
    """Takes everybody for the same nameless principal.

    :param principal: the one that everybody is.
    """

    principal: Principal

    @classmethod
    def at(cls, level: str) -> "Anonymous":
        """Give everybody the rights of a level of `LEVELS`."""
        return cls(Principal("anonymous", LEVELS[level]))

    def principal_of(self, headers: Headers) -> Principal:
        """Tell who makes a request with these headers."""
        return self.principal
