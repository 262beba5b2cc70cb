"""The upload API against a plain model of it, in any order of calls, crashes and reboots."""

import os
import shutil
import tempfile
from collections.abc import Callable
from typing import Any

from attrs import define, field
from blake3 import blake3
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from peerstor.errors import BodyCut, DigestMismatch, NoSuchUpload, OffsetMismatch
from peerstor.tree.publish import Conflict
from peerstor.uploads.digests import Digest
from peerstor.uploads.sink import LINGER
from tests.uploads.scaffold import Body, Source, World, key
from tests.uploads.test_digests import blake, sha256

DAY = 24 * 3600.0
NAMES = st.sampled_from([b"one", b"two.bin"])
DATA = st.binary(max_size=40)


KILLED: list[object] = []
"""What was under way in processes that were killed, kept: when a coroutine is collected it runs its last lines, and
those would write to the files of whoever serves by then."""


@define
class Model:
    """What a client may rely on about one name.

    :ivar data: what arrived of the upload under way; None where there is none.
    :ivar synced: how much of it survives a power failure.
    :ivar done: what was published last, and under which name; None once the answer is forgotten.
    """

    data: bytes | None = None
    synced: int = 0
    done: tuple[bytes, bytes] | None = None

    @property
    def offset(self) -> int:
        return len(self.data or b"")


@define
class Tree:
    """What lies in the storage."""

    files: dict[bytes, bytes] = field(factory=dict)


class Uploads(RuleBasedStateMachine):
    """Drives the real engine on a real folder beside the model."""

    def __init__(self) -> None:
        super().__init__()
        self.base = os.fsencode(tempfile.mkdtemp())
        self.root = self.base + b"/storage"
        self.boot = 1
        self.now = 1_000_000.0
        self.models = {b"one": Model(), b"two.bin": Model()}
        self.tree = Tree()
        self.world: World | None = None
        self.serve()

    def teardown(self) -> None:
        assert self.world is not None
        self.world.kill()
        shutil.rmtree(self.base)

    def serve(self) -> None:
        """Begin a process, after killing the one before."""
        if self.world is not None:
            self.now = self.world.now + self.world.clock.seconds()
            self.world.kill()
        self.world = World(self.root, boot_id=f"boot-{self.boot}", now=self.now)
        self.engine = self.world.engine
        self.do(self.engine.start())

    def do(self, work: Any) -> Any:
        """Do something at once; gives the result or the fault."""
        results: list[Any] = []
        Deferred.fromCoroutine(work).addBoth(results.append)
        [result] = results
        return result.value if isinstance(result, Failure) else result

    @rule(name=NAMES, data=DATA, cut=st.booleans(), told=st.booleans())
    def append(self, name: bytes, data: bytes, cut: bool, told: bool) -> None:
        """A chunk at the right offset, whole or cut."""
        model = self.models[name]
        length = len(data) + 5 * cut if told else None
        result = self.do(
            self.engine.append(key(name), offset=model.offset, source=Body(data, piece=7, cut=cut), length=length)
        )
        model.data, model.done = (model.data or b"") + data, None
        if cut:
            assert isinstance(result, BodyCut), result
        else:
            assert result == model.offset, result

    @rule(name=NAMES, data=DATA, fate=st.sampled_from(["right", "wrong", "cut", "killed"]))
    def append_checked(self, name: bytes, data: bytes, fate: str) -> None:
        """A chunk with a digest counts when it is whole and right; else nothing of it does, whatever ends it."""
        model = self.models[name]
        said = sha256(data + b"!" * (fate == "wrong"))
        body = Source() if fate == "killed" else Body(data, piece=7, cut=fate == "cut")
        work = self.engine.append(key(name), offset=model.offset, source=body, length=None, digests=[said])
        model.data, model.done = model.data or b"", None
        if isinstance(body, Source):
            KILLED.append((work, Deferred.fromCoroutine(work)))
            body.send(data)
            self.world.clock.advance(LINGER)
            self.serve()
            return
        result = self.do(work)
        if fate == "right":
            model.data += data
            assert result == model.offset, result
        else:
            assert isinstance(result, BodyCut if fate == "cut" else DigestMismatch), result

    @rule(name=NAMES, data=DATA, wrong=st.integers(0, 100))
    def append_elsewhere(self, name: bytes, data: bytes, wrong: int) -> None:
        """A chunk at a wrong offset changes nothing."""
        model = self.models[name]
        if wrong == model.offset:
            return
        body = Body(data)
        result = self.do(self.engine.append(key(name), offset=wrong, source=body, length=len(data)))
        assert isinstance(result, OffsetMismatch) and result.offset == model.offset, result
        assert not body.asked

    def complete(self, name: bytes, size: int, said: Digest | None = None) -> Any:
        return self.do(
            self.engine.complete(key(name), size=size, conflict=Conflict.RENAME, may_replace=False, digest=said)
        )

    @rule(name=NAMES, said=st.sampled_from([None, sha256, blake]))
    @precondition(lambda self: any(model.data is not None for model in self.models.values()))
    def publish(self, name: bytes, said: Callable[[bytes], Digest] | None) -> None:
        """Completing with the right size publishes under a name that was free; with a wrong digest it does nothing."""
        model = self.models[name]
        if model.data is None:
            return
        if said is not None:
            result = self.complete(name, len(model.data), said(model.data + b"!"))
            assert isinstance(result, DigestMismatch) and result.offset == model.offset, result
        result = self.complete(name, len(model.data), said and said(model.data))
        final = result.path.name
        assert final not in self.tree.files
        assert (final == name) == (name not in self.tree.files)
        assert result.digest == blake3(model.data).hexdigest()
        self.tree.files[final] = model.data
        model.done, model.data, model.synced = (model.data, final), None, 0

    @rule(name=NAMES)
    def publish_again(self, name: bytes) -> None:
        """A repeated complete gives the same answer."""
        model = self.models[name]
        if model.done is None:
            return
        data, final = model.done
        result = self.complete(name, len(data))
        assert (result.path.name, result.size, result.digest) == (
            final,
            len(data),
            blake3(data).hexdigest(),
        )

    @rule(name=NAMES, wrong=st.integers(1, 100))
    def publish_wrongly(self, name: bytes, wrong: int) -> None:
        """Completing with another size changes nothing."""
        model = self.models[name]
        if model.data is None and model.done is None:
            assert isinstance(self.complete(name, wrong), NoSuchUpload)
        elif wrong != model.offset and (model.done is None or wrong != len(model.done[0])):
            result = self.complete(name, wrong)
            assert isinstance(result, OffsetMismatch) and result.offset == model.offset, result

    @rule(name=NAMES)
    def abandon(self, name: bytes) -> None:
        """Abandoning drops a partial upload and nothing else."""
        model = self.models[name]
        dropped = self.do(self.engine.abandon(key(name)))
        assert dropped == (None if model.data is None else len(model.data))
        model.data, model.synced = None, 0

    @rule()
    def time_passes(self) -> None:
        """After a second everything is synced."""
        self.world.clock.advance(1.1)
        for model in self.models.values():
            model.synced = model.offset

    @rule()
    def crash(self) -> None:
        """A killed process costs nothing."""
        self.serve()
        self.offsets()

    @rule(stopped=st.booleans())
    def reboot(self, stopped: bool) -> None:
        """A machine that loses power keeps what was synced."""
        if stopped:
            self.do(self.engine.stop())
        self.boot += 1
        self.serve()
        for model in self.models.values():
            if model.data is not None:
                model.data = model.data[: model.synced]
        self.offsets()

    @rule()
    def expire(self) -> None:
        """After a week nothing partial is left, and answers are forgotten."""
        self.world.now += 8 * DAY
        self.do(self.engine.expire())
        self.models = {name: Model() for name in self.models}
        assert self.world.part_files() == []

    @invariant()
    def offsets(self) -> None:
        """The offset always is what arrived."""
        for name, model in self.models.items():
            assert self.do(self.engine.offset(key(name))) == model.offset

    @invariant()
    def visible(self) -> None:
        """Exactly the published files can be seen, whole."""
        names = sorted(name for name in os.listdir(self.root) if name != b".peerstor")
        assert names == sorted(self.tree.files)
        for name, data in self.tree.files.items():
            with open(self.root + b"/" + name, "rb") as file:
                assert file.read() == data

    @invariant()
    def nothing_left(self) -> None:
        """There is one part file for each partial upload."""
        assert len(self.world.part_files()) == sum(model.data is not None for model in self.models.values())


Uploads.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
UploadsTest = Uploads.TestCase
