"""Counting downloads, against a plain model of the rule."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twisted.trial.unittest import SynchronousTestCase

from peerstor.access.shares import downloads as module
from peerstor.access.shares.downloads import Downloads
from peerstor.access.shares.share import Share
from peerstor.access.shares.visits import DAY, Visits
from peerstor.errors import NotFound, TooMany
from tests.access.shares.scaffold import ShareCase, share

SIZES = {b"small": 10, b"large": 100, b"empty": 0}


class Kept:
    """What `Shares` keeps of the counts."""

    def __init__(self, share: Share) -> None:
        self.share = share
        self.now = 1000.0
        self.visits = Visits(wall=lambda: self.now)

    def get(self, share_id: str) -> Share:
        return self.share

    def count_download(self, share_id: str, visit: bytes) -> None:
        from attrs import evolve

        self.visits.note(share_id, visit, self.now)
        self.share = evolve(self.share, downloads=self.share.downloads + 1)


class Counting(SynchronousTestCase):
    def setUp(self) -> None:
        self.kept = Kept(share(max_downloads=2))
        self.downloads = Downloads(shares=self.kept)  # type: ignore[arg-type]

    def fetch(self, visit: bytes, sent: int, file: bytes = b"large") -> None:
        transfer = self.downloads.begin(self.kept.share, visit)
        self.downloads.end(transfer, file=file, size=SIZES[file], sent=sent)

    @property
    def count(self) -> int:
        return self.kept.share.downloads

    def test_whole(self) -> None:
        """A visit counts when a file's bytes were sent to it, once a day."""
        self.fetch(b"ann", 100)
        self.fetch(b"ann", 100)
        self.fetch(b"ann", 10, b"small")
        self.assertEqual(self.count, 1)
        self.kept.now += DAY
        self.fetch(b"ann", 100)
        self.assertEqual(self.count, 2)

    def test_pieces(self) -> None:
        """Pieces add up, of each file and visit for themselves."""
        for sent in (50, 49):
            self.fetch(b"ann", sent)
        self.fetch(b"ann", 9, b"small")
        self.fetch(b"bob", 99)
        self.assertEqual(self.count, 0)
        self.fetch(b"ann", 1)
        self.assertEqual(self.count, 1)

    def test_empty(self) -> None:
        """A file of no bytes is downloaded by asking for it."""
        self.fetch(b"ann", 0, b"empty")
        self.assertEqual(self.count, 1)

    def test_nothing_sent(self) -> None:
        """What sends nothing of a file (HEAD, 304) holds a claim while it lasts, and burns nothing."""
        transfer = self.downloads.begin(self.kept.share, b"ann")
        self.downloads.leave(transfer)
        self.downloads.leave(transfer)
        self.assertEqual(self.count, 0)
        self.assertEqual(self.downloads._claims, {})

    def test_used_up(self) -> None:
        """Once it is used up, a new visit finds nothing, and one of today goes on."""
        self.fetch(b"ann", 100)
        self.fetch(b"bob", 100)
        for ask in (self.downloads.check, self.downloads.begin):
            with self.assertRaises(NotFound):
                ask(self.kept.share, b"eve")
        self.downloads.check(self.kept.share, b"ann")
        self.fetch(b"bob", 100)
        self.assertEqual(self.count, 2)
        self.kept.now += DAY
        with self.assertRaises(NotFound):
            self.downloads.check(self.kept.share, b"ann")

    def test_at_once(self) -> None:
        """No more visits are under way than downloads are left; one visit may have many transfers."""
        running = [self.downloads.begin(self.kept.share, visit) for visit in (b"ann", b"bob", b"ann", b"ann")]
        with self.assertRaises(TooMany) as refused:
            self.downloads.begin(self.kept.share, b"eve")
        self.assertGreater(refused.exception.retry_after, 0)
        self.downloads.check(self.kept.share, b"eve")  # she may look, and come again
        self.downloads.end(running[1], file=b"large", size=100, sent=99)
        self.fetch(b"eve", 100)
        for transfer in (running[0], *running[2:]):
            self.downloads.end(transfer, file=b"large", size=100, sent=100)
        self.assertEqual(self.count, 2)
        with self.assertRaises(NotFound):
            self.downloads.begin(self.kept.share, b"bob")

    def test_memory(self) -> None:
        """However many begin and never end, a bounded number is remembered."""
        self.patch(module, "PROGRESSES", 10)
        self.kept.share = share()
        for number in range(100):
            self.fetch(b"%d" % number, 1)
        self.assertEqual(len(self.downloads._sent), 10)
        self.fetch(b"99", 99)
        self.assertEqual(self.count, 1)


class Admitted(ShareCase):
    def setUp(self) -> None:
        super().setUp()
        self.downloads = Downloads(shares=self.shares)

    def test_admitted_before_another_ended(self) -> None:
        """Whoever was let in before the last download was counted, and asks for bytes after it, comes too late."""
        admitted = self.add(max_downloads=1)
        for visit in (b"one", b"two"):
            self.downloads.check(admitted, visit)
        first = self.downloads.begin(admitted, b"one")
        self.downloads.end(first, file=b"file", size=5, sent=5)
        self.assertRaises(NotFound, self.downloads.begin, admitted, b"two")
        self.downloads.leave(self.downloads.begin(admitted, b"one"))

    def test_given_more_meanwhile(self) -> None:
        """What its maker has changed since counts as well."""
        admitted = self.add(max_downloads=1)
        self.shares.count_download(admitted.id, b"one")
        self.result(self.shares.change(admitted.id, {"max_downloads": 2}))
        self.downloads.leave(self.downloads.begin(admitted, b"two"))

    def test_revoked_meanwhile(self) -> None:
        """A share that was revoked since gives nothing."""
        admitted = self.add()
        self.result(self.shares.revoke(admitted.id))
        self.assertRaises(NotFound, self.downloads.begin, admitted, b"one")


class Machine(RuleBasedStateMachine):
    """Visits come, get bytes and go, and the owner changes the maximum downwards never below what is under way."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = Kept(share(max_downloads=2))
        self.downloads = Downloads(shares=self.kept)  # type: ignore[arg-type]
        self.running: list[tuple[Any, bytes, bool]] = []
        # The model: when each visit was counted, how much of each file it had, and who runs uncounted.
        self.counted: dict[bytes, float] = {}
        self.had: dict[tuple[bytes, bytes], int] = {}
        self.count = 0

    def free(self, visit: bytes) -> bool:
        return visit in self.counted and self.kept.now - self.counted[visit] < DAY

    def paying(self) -> set[bytes]:
        return {visit for _, visit, pays in self.running if pays}

    @rule(visit=st.sampled_from([b"ann", b"bob", b"eve", b"dan"]))
    def begin(self, visit: bytes) -> None:
        left = 2 - self.count
        try:
            transfer = self.downloads.begin(self.kept.share, visit)
        except NotFound:
            assert left <= 0 and not self.free(visit)
        except TooMany:
            assert 0 < left <= len(self.paying()) and not self.free(visit) and visit not in self.paying()
        else:
            assert self.free(visit) or left > 0
            self.running.append((transfer, visit, not self.free(visit)))

    @precondition(lambda self: self.running)
    @rule(data=st.data(), file=st.sampled_from(sorted(SIZES)), part=st.floats(0, 1))
    def end(self, data: Any, file: bytes, part: float) -> None:
        index = data.draw(st.integers(0, len(self.running) - 1))
        transfer, visit, pays = self.running.pop(index)
        size = SIZES[file]
        sent = int(size * part)
        self.downloads.end(transfer, file=file, size=size, sent=sent)
        if not pays:
            return
        total = self.had.get((visit, file), 0) + sent
        self.had[visit, file] = total
        if total >= size:
            del self.had[visit, file]
            self.counted[visit] = self.kept.now
            self.count += 1
            # What else it has under way is part of the same download.
            self.running = [(one, who, paid and who != visit) for one, who, paid in self.running]

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def leave(self, data: Any) -> None:
        transfer, _, _ = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        self.downloads.leave(transfer)

    @rule(seconds=st.sampled_from([1.0, DAY / 2, DAY]))
    def pass_time(self, seconds: float) -> None:
        self.kept.now += seconds

    @invariant()
    def agrees(self) -> None:
        assert self.kept.share.downloads == self.count <= 2
        assert len(self.paying()) <= max(0, 2 - self.count)


Machine.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestMachine = Machine.TestCase
