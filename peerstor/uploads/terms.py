"""On which terms a file is received in one go, and the look at what is there before it comes."""

import stat
from collections.abc import Sequence

from attrs import evolve, frozen

from peerstor.errors import BadName, Exists, Forbidden
from peerstor.tree.paths import TreePath, check_new_name
from peerstor.tree.publish import Check, Conflict, Part, Wish
from peerstor.tree.sandbox import Opened, Sandbox
from peerstor.uploads.digests import Digest


@frozen
class Terms:
    """What is asked for; see `Engine.receive` for what each means."""

    target: TreePath
    length: int | None
    conflict: Conflict
    may_replace: bool
    by: str
    check: Check | None
    digests: Sequence[Digest]

    def judge(self, sandbox: Sandbox, folder: Opened) -> None:
        """Refuse, before the body, what `Publisher.publish` would refuse after it. Blocks.

        :param folder: that of the target.
        """
        present = sandbox.lookup(folder, self.target.name)
        if self.check is not None:
            self.check(present)
        if self.target.slash:
            raise BadName()
        if present is None or self.conflict is Conflict.RENAME:
            check_new_name(self.target.name)
        elif self.conflict is Conflict.REFUSE or stat.S_ISDIR(present.st_mode):
            raise Exists()
        elif not self.may_replace:
            raise Forbidden()

    def beside(self, name: bytes, length: int) -> "Terms":
        """The same for another file of the same folder.

        :param length: bytes.
        """
        return evolve(self, target=self.target.parent.child(name), length=length)

    def wish(self, part: Part) -> Wish:
        """Ask for a part to be published on these terms."""
        return Wish(
            part=part,
            target=self.target,
            conflict=self.conflict,
            by=self.by,
            may_replace=self.may_replace,
            check=self.check,
        )
