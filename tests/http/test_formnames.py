"""Names in a form's headers, as the clients of this world send them."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerstor.http.formnames import boundary_of, part_names


def latin(value: bytes) -> str:
    """Header bytes as the parser hands them on."""
    return value.decode("latin-1")


class Boundaries(SynchronousTestCase):
    """`boundary_of` a `Content-Type`."""

    def test_as_clients_send_it(self) -> None:
        """Bare and quoted, with other parameters around, in any case."""
        for header, expected in [
            (b"multipart/form-data; boundary=----WebKitFormBoundaryAbC123", b"----WebKitFormBoundaryAbC123"),
            (
                b"multipart/form-data; boundary=------------------------abcdef0123456789",
                b"-" * 24 + b"abcdef0123456789",
            ),
            (b'Multipart/Form-Data; charset=utf-8; BOUNDARY="a b:c/d=e?f"', b"a b:c/d=e?f"),
            (b"multipart/form-data;boundary=" + b"x" * 70, b"x" * 70),
        ]:
            with self.subTest(header=header):
                self.assertEqual(boundary_of(header), expected)

    def test_none_that_could_be_used(self) -> None:
        """Another type, no boundary, an empty, overlong or unprintable one."""
        for header in [
            None, b"", b"multipart/mixed; boundary=x", b"application/x-www-form-urlencoded",
            b"multipart/form-data", b"multipart/form-data; boundary=", b'multipart/form-data; boundary=""',
            b"\xff\xfe; boundary=x",
            b"multipart/form-data; boundary=" + b"x" * 71, b'multipart/form-data; boundary="a\nb"',
            b'multipart/form-data; boundary="a "', 'multipart/form-data; boundary="é"'.encode(),
        ]:  # fmt: skip
            with self.subTest(header=header):
                self.assertIsNone(boundary_of(header))


class Names(SynchronousTestCase):
    """`part_names` of a `Content-Disposition`."""

    def test_as_clients_send_them(self) -> None:
        """Browsers and curl since 7.81 escape by percent, curl before that by backslash, others not at all."""
        for sent, expected in [
            (b'form-data; name="file"; filename="plain.txt"', ("file", b"plain.txt")),
            (b"form-data; name=file; filename=plain.txt", ("file", b"plain.txt")),
            (b'form-data; filename="first.txt"; name="file"', ("file", b"first.txt")),
            (b'form-data;name="f";filename="tight.txt"', ("f", b"tight.txt")),
            ('form-data; name="дата"; filename="файл 🎉.txt"'.encode(), ("дата", "файл 🎉.txt".encode())),
            (b'form-data; name="f"; filename="\xff\xfe.bin"', ("f", b"\xff\xfe.bin")),
            (b'form-data; name="f"; filename="a%22b.txt"', ("f", b'a"b.txt')),
            (b'form-data; name="f"; filename="a%0Db%0ac.txt"', ("f", b"a\rb\nc.txt")),
            (b'form-data; name="f"; filename="100%25 %41%zz.txt"', ("f", b"100%25 %41%zz.txt")),
            (b'form-data; name="f"; filename="a\\"b\\\\c.txt"', ("f", b'a"b\\c.txt')),
            (b'form-data; name="f"; filename="a\\b.txt"', ("f", b"a\\b.txt")),
            (b'form-data; name="f"; filename="C:\\Users\\me\\x.txt"', ("f", b"C:\\Users\\me\\x.txt")),
            (b'form-data; name="f"; filename="\\\\host\\x.txt"', ("f", b"\\\\host\\x.txt")),
            (b'form-data; name="f"; filename="../../etc/passwd"', ("f", b"../../etc/passwd")),
            (b'form-data; name="f"; filename="a;b; filename=c.txt"', ("f", b"a;b; filename=c.txt")),
            (b'form-data; name="f"; filename=" .hidden "', ("f", b" .hidden ")),
            (b'form-data; name="f"; filename="a\\"', ("f", b"a\\")),
            (b'form-data; name="a\\"; filename="b"', ("a\\", b"b")),
            (b'form-data; name="f"; filename=""', ("f", b"")),
            (b"form-data; name=\"f\"; filename*=utf-8''x.txt", ("f", b"")),
            (b'form-data; name="f"; filename="never ending', ("f", b"")),
            (b'form-data; name="f"', ("f", None)),
            (b"form-data", ("", None)),
            (b'form-data; name="\xff"', ("\ufffd", None)),
        ]:
            with self.subTest(sent=sent):
                self.assertEqual(part_names(latin(sent)), expected)

    @given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60).filter(lambda name: "%" not in name))
    def test_any_name_of_a_browser(self, name: str) -> None:
        """What a browser sends of any name without a percent sign, which it does not escape, comes out as it was:
        backslashes in any place included."""
        escaped = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        header = f'form-data; name="f"; filename="{escaped}"'.encode()
        self.assertEqual(part_names(latin(header)), ("f", name.encode()))

    @given(st.binary(max_size=80))
    def test_hostile_headers(self, value: bytes) -> None:
        """Whatever stands there, names come out, nothing is raised, and a file stays one."""
        field, filename = part_names(latin(b"form-data; filename=" + value))
        self.assertIsInstance(field, str)
        self.assertIsInstance(filename, bytes)
