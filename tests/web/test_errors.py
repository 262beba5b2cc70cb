"""The table of answers."""

import inspect
import json

from twisted.trial.unittest import SynchronousTestCase

from peerstor import errors
from peerstor.web.errors import EARLY, TABLE, refusal_body

# Ends the process before there is anybody to answer.
NEVER_ANSWERED = {errors.Fault, errors.StartupError}


class Table(SynchronousTestCase):
    def test_every_fault_has_an_answer(self) -> None:
        """No fault that PeerStor can state ends as an internal error."""
        faults = {
            kind
            for _, kind in inspect.getmembers(errors, inspect.isclass)
            if issubclass(kind, errors.Fault) and kind not in NEVER_ANSWERED
        }
        self.assertEqual(faults, set(TABLE))

    def test_codes_are_for_machines(self) -> None:
        """A code is one lower-case word, and a message a sentence."""
        for row in TABLE.values():
            self.assertRegex(row.code, r"^[a-z_]+$")
            self.assertRegex(row.message, r"[.}]$|NAME$")
            self.assertIn(row.status // 100, (4, 5))

    def test_contract(self) -> None:
        """The codes that clients rely on keep their status."""
        told = {(row.status, row.code) for row in TABLE.values()}
        self.assertLessEqual(
            {
                (400, "bad_path"), (400, "bad_name"), (400, "bad_number"), (401, "login_needed"), (403, "forbidden"),
                (403, "cross_site"), (404, "not_found"), (405, "method"), (409, "offset_mismatch"), (409, "busy"),
                (409, "other_upload"), (411, "length_needed"), (413, "too_large"), (415, "bad_type"),
                (412, "precondition"), (416, "range"), (421, "wrong_host"), (429, "too_many"), (503, "stopping"),
                (503, "overloaded"), (507, "no_space"),
            },
            told,
        )  # fmt: skip

    def test_early_refusals(self) -> None:
        """What can't be read as a request is answered in JSON with a code too."""
        for status, code in EARLY.items():
            kind, body = refusal_body(status)
            self.assertEqual((kind, json.loads(body)["error"]), (b"application/json", code))
