"""Setting a header of an answer: what comes of it is what twisted's own way gives."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers, InvalidHeaderName

from peerstor.http.answerheaders import set_header

NAMES = st.sampled_from([b"etag", b"ETag", b"content-length", b"www-authenticate", b"X-Any-thing"])
VALUES = st.binary(max_size=20) | st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\x0b", b" "])).map(b"".join)


class SetHeader(SynchronousTestCase):
    @given(st.lists(st.tuples(NAMES, VALUES), max_size=4))
    def test_as_twisted_does(self, pairs: list[tuple[bytes, bytes]]) -> None:
        """Name, value and order are the same, and no value begins another header."""
        ours, theirs = Headers(), Headers()
        for name, value in pairs:
            set_header(ours, name, value)
            theirs.setRawHeaders(name, [value])
        self.assertEqual(list(ours.getAllRawHeaders()), list(theirs.getAllRawHeaders()))
        for _, values in ours.getAllRawHeaders():
            self.assertFalse(any(b"\n" in value or b"\r" in value for value in values))

    def test_names(self) -> None:
        """What is no name is refused."""
        self.assertRaises(InvalidHeaderName, set_header, Headers(), b"a: b\r\nc", b"")
