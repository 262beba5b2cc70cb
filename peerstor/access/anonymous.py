"""What somebody without a token may do."""

from functools import cache

from peerstor.access.rights import Grant, Principal, Right

LEVELS = {
    "none": Right.NONE,
    "read": Right.READ,
    "create": Right.READ | Right.CREATE,
    "full": Right.READ | Right.CREATE | Right.CHANGE,
}
"""The values of `--anonymous`. `create` can't destroy: what is there stays as it is."""


@cache
def anonymous(level: str) -> Principal:
    """Give the nameless principal that everybody without a token is.

    :param level: one of `LEVELS`.
    """
    return Principal("anonymous", (Grant((), LEVELS[level]),))
