"""Paths of the tree that stand in parameters of the API."""

from peerstor.http.request import StreamingRequest
from peerstor.tree.paths import TreePath
from peerstor.web.guard import Place
from peerstor.web.parameters import required


def path_parameter(request: StreamingRequest, name: bytes) -> TreePath:
    """Read a path from a parameter, exact to the byte; a `/` at its end says that it is a folder.

    :raise BadRequest: it is absent, or there twice.
    :raise BadPath: a segment is empty, `.` or `..`, or holds NUL.
    """
    value = required(request, name)
    path = TreePath.from_parameter(value)
    return path if value.endswith(b"/") or not path.parts else TreePath(path.parts, slash=False)


def place(name: bytes) -> Place:
    """Give what reads the path that a parameter holds, for a route to declare where its right is needed."""

    def at(request: StreamingRequest) -> TreePath:
        return path_parameter(request, name)

    return at
