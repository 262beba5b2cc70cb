"""Every fault that PeerStor can state. Nothing here knows HTTP: `peerstor.web.errors` maps types to answers."""

from attrs import define, field

from peerstor.sentences import Sentence


@define(eq=False, str=False)
class Fault(Exception):
    """Something PeerStor can state to whoever asked; never a defect of the program itself."""

    def __str__(self) -> str:
        """The class and its fields, for logs (a client gets the text of the table in `web/errors.py`)."""
        return repr(self)


# What was asked for cannot be named, counted or understood.


@define(eq=False, str=False)
class BadPath(Fault):
    """The path holds NUL, an empty segment, `.` or `..`, a decoded `/`, or a malformed escape."""


@define(eq=False, str=False)
class BadName(Fault):
    """A new name may not hold control characters or `/`, be private, or exceed 255 bytes."""


@define(eq=False, str=False)
class BadNumber(Fault):
    """A parameter that must be a whole number from 0 to 2^63-1 is something else."""

    parameter: str


@define(eq=False, str=False, init=False)
class BadRequest(Fault):
    """The request is well-formed HTTP but cannot be understood; `reason` says why in a sentence."""

    reason: Sentence

    def __init__(self, reason: str, **values: object) -> None:
        """Say why.

        :param reason: a literal, so that it can be translated; its names in braces stand for values.
        """
        self.__attrs_init__(Sentence(reason, **values))


@define(eq=False, str=False, init=False)
class BadType(Fault):
    """The media type or content coding of the request's body is none that is taken here."""

    reason: Sentence

    def __init__(self, reason: str, **values: object) -> None:
        """Say what is taken; as for `BadRequest`."""
        self.__attrs_init__(Sentence(reason, **values))


@define(eq=False, str=False)
class LengthNeeded(Fault):
    """The request must say how long its body is."""


@define(eq=False, str=False)
class TooLarge(Fault):
    """The content is larger than allowed.

    :param limit: the largest size that is taken, bytes.
    """

    limit: int


@define(eq=False, str=False)
class TooManyEntries(Fault):
    """There are more files and folders in it than are copied in one go.

    :param limit: the largest number of them that is.
    """

    limit: int


# Who asks, and from where.


@define(eq=False, str=False)
class WrongHost(Fault):
    """The request names a host that this server does not know itself by (DNS rebinding)."""


@define(eq=False, str=False)
class HttpsNeeded(Fault):
    """The request came in clear, where only HTTPS is served.

    :param address: the same one with https.
    """

    address: str


@define(eq=False, str=False)
class CrossSite(Fault):
    """A request that changes something came from a page of another site."""


@define(eq=False, str=False)
class LoginNeeded(Fault):
    """Nobody is signed in, and what was asked for needs somebody."""


@define(eq=False, str=False)
class PasswordNeeded(Fault):
    """A share link asks for its password, and no right one came with the request."""


@define(eq=False, str=False)
class Forbidden(Fault):
    """The principal is known and has not the right."""


@define(eq=False, str=False)
class TooMany(Fault):
    """Too many at once from here.

    :param retry_after: seconds to wait.
    """

    retry_after: int = 1


# The tree.


@define(eq=False, str=False)
class NotFound(Fault):
    """Absent, hidden, a link that leads out, a special file: all alike."""


@define(eq=False, str=False)
class MethodRefused(Fault):
    """The resource is known and does not take this method.

    :param allowed: the methods that it takes.
    """

    allowed: tuple[str, ...]


@define(eq=False, str=False)
class TooMuch(Fault):
    """What lies in a folder is more, or lies deeper, than goes into one archive.

    :param limit: entries that do.
    :param depth: folders below each other that do.
    """

    limit: int
    depth: int


@define(eq=False, str=False)
class Unreadable(Fault):
    """Something that an archive has to hold can't be read.

    :param reason: what and why, for the log.
    """

    reason: str


@define(eq=False, str=False)
class IsFolder(Fault):
    """A folder was named as a file is (its address ends in `/`)."""


@define(eq=False, str=False)
class NoParent(Fault):
    """The folder that should hold the new name does not exist."""


@define(eq=False, str=False)
class Exists(Fault):
    """The name is taken, and the caller wanted neither another name nor a replacement."""


@define(eq=False, str=False)
class PreconditionFailed(Fault):
    """A condition of the request (If-Match and the like) does not hold."""


@define(eq=False, str=False)
class ChangedMeanwhile(PreconditionFailed):
    """Something was changed while it was carried to another disk; it is where it was."""


@define(eq=False, str=False)
class RangeNotSatisfiable(Fault):
    """No byte of the wanted ranges exists.

    :param size: size of the representation, bytes.
    """

    size: int


# Uploads.


@define(eq=False, str=False)
class OffsetMismatch(Fault):
    """The upload is at another offset than the caller thinks.

    :param offset: the present offset, bytes.
    """

    offset: int


@define(eq=False, str=False)
class Busy(Fault):
    """Another writer of this upload makes progress.

    :param offset: the present offset, bytes.
    :param retry_after: seconds to wait.
    """

    offset: int
    retry_after: int = 1


@define(eq=False, str=False)
class OtherUpload(Fault):
    """A different file of this name was begun.

    :param offset: how far that one is, bytes.
    :param age: seconds since it last moved.
    """

    offset: int
    age: int


@define(eq=False, str=False)
class DigestMismatch(Fault):
    """The bytes are not what their digest says.

    :param offset: where the upload still is, bytes; None where there is none to go on with.
    """

    offset: int | None = None


@define(eq=False, str=False)
class NoSuchUpload(Fault):
    """There is no upload of that name to complete."""


@define(eq=False, str=False)
class BodyCut(Fault):
    """The body ended before its end: the client left, or broke the framing. Nobody is there to be told."""


# The machine.


@define(eq=False, str=False)
class NoSpace(Fault):
    """The disk, or the owner's share of it, is full.

    :param free: bytes left, where known.
    """

    free: int | None = field(default=None)


@define(eq=False, str=False)
class QuotaExceeded(Fault):
    """More than may still be uploaded here, whatever the disk has room for.

    :param left: bytes that may be, beside what is on its way.
    """

    left: int


@define(eq=False, str=False)
class StorageUnavailable(Fault):
    """The storage folder cannot be reached, read or written at the moment.

    :param reason: a sentence for the log; it may name paths, so it never goes to a client.
    """

    reason: str = ""


@define(eq=False, str=False)
class Stopping(Fault):
    """The server is shutting down."""


@define(eq=False, str=False)
class Overloaded(Fault):
    """The process is out of descriptors or the like; it will pass."""


# Before anything runs.


@define(eq=False, str=False)
class StartupError(Fault):
    """PeerStor cannot start; `reason` is the one line that its owner reads."""

    reason: str

    def __str__(self) -> str:
        """The line itself."""
        return self.reason
