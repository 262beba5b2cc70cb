"""Addresses as whoever asked can pass them on."""

from peerstor.http.request import StreamingRequest


def absolute(request: StreamingRequest, address: str) -> str:
    """Give an address with scheme and host as the client sees them; without where it told no host."""
    if request.authority is None:
        return address
    scheme = "https" if request.secure else "http"
    return f"{scheme}://{request.authority.decode('ascii', 'replace')}{address}"
