"""How long a client may take for what."""

from attrs import frozen


@frozen
class Timeouts:
    """How long a client may take, in seconds.

    :param head: for the whole head of a request, however its bytes drip in.
    :param idle: between two requests; longer than the 60 s of common proxies, so that they close first.
    :param body: without a byte of the body, while the socket is read.
    :param rate_window: over which a body must bring `rate` bytes a second on average.
    :param rate: bytes a second.
    :param held: for which a body may wait for its consumer; a bound on our own faults.
    :param response: without the client taking a byte of the answer.
    :param linger: for which an unwanted body is read and discarded before the connection is closed.
    :param goodbye: for the client's own end of TLS, when the server stops and nothing is under way.
    :param check: between two looks at a busy connection: the precision of `body` and `response`.
    """

    head: float = 10.0
    idle: float = 65.0
    body: float = 30.0
    rate_window: float = 60.0
    rate: int = 1000
    held: float = 300.0
    response: float = 60.0
    linger: float = 5.0
    goodbye: float = 0.5
    check: float = 5.0
