"""Whether what finds its name taken may have another one."""

from peerstor.access.rights import Right
from peerstor.tree.publish import Conflict
from peerstor.web.guard import Admission


def renamed(admission: Admission) -> Conflict:
    """Give what becomes of the wish for another name where the wanted one is taken.

    That name lies beside the wanted one: whoever may add nothing there, but only has rights to a path itself (of
    one file, or of the very folder that theirs hold for), is refused.
    """
    beside = admission.principal.may_beside(Right.CREATE, admission.path.parts)
    return Conflict.RENAME if beside else Conflict.REFUSE
