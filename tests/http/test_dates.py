"""The present moment as HTTP spells it."""

from time import time

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http import datetimeToString
from werkzeug.http import parse_date

from peerstor.http.dates import http_now


class HttpNow(SynchronousTestCase):
    @given(st.floats(0, 253402300799))
    def test_as_twisted_does(self, moment: float) -> None:
        """Every moment is spelled as twisted spells it."""
        self.assertEqual(http_now(lambda: moment), datetimeToString(moment))

    def test_goes_on(self) -> None:
        """It is the present second, and the next one in the next."""
        date = parse_date(http_now().decode())
        assert date is not None
        self.assertLess(abs(date.timestamp() - time()), 2)
        self.assertNotEqual(http_now(lambda: 1.0), http_now(lambda: 2.0))
