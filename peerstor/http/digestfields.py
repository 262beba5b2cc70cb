"""The fields in which a message tells what its bytes add up to (RFC 9530)."""

from collections.abc import Mapping, Sequence


class DigestFieldBroken(Exception):
    """The field is no dictionary of structured fields (RFC 9651)."""


def digest_members(lines: Sequence[bytes]) -> Mapping[str, bytes | None]:
    """Read the lines of a `Content-Digest` or `Repr-Digest`.

    :param lines: the values of all fields of that name, in their order.
    :return: digests by their algorithms; None where a member is anything but a byte sequence. Of an algorithm that
        is there twice, the last one.
    :raise DigestFieldBroken: it can't be read as a whole.
    """
    # Not at the top: few clients send such a field, and the first of them waits two milliseconds for it.
    from http_sf import StructuredFieldError, parse

    try:
        members = parse(b", ".join(lines), tltype="dictionary")
    except StructuredFieldError as error:
        raise DigestFieldBroken(str(error)) from error
    assert isinstance(members, dict)
    return {name: _bytes_of(member) for name, member in members.items()}


def _bytes_of(member: object) -> bytes | None:
    value = member[0] if isinstance(member, tuple) else member
    return value if isinstance(value, bytes) else None
