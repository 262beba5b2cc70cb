"""Who makes a request: what it came with, and whom that stands for."""

from peerstor.access.rights import Principal
from peerstor.http.request import StreamingRequest


class Authentication:
    """Tells principals by what their requests came with."""

    def __init__(self, *, anonymous: Principal) -> None:
        """Know everybody.

        :param anonymous: who somebody is that came with nothing.
        """
        self._anonymous = anonymous

    @property
    def sign_in_possible(self) -> bool:
        """Whether there is any token to sign in with."""
        return False

    async def principal_of(self, request: StreamingRequest) -> Principal:
        """Tell who makes a request."""
        return self._anonymous
