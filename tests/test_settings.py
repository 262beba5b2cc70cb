"""Rules of the options' values."""

import os

from attrs import asdict, fields
from attrs.exceptions import FrozenInstanceError
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerstor.errors import StartupError
from peerstor.settings import Option, Settings
from peerstor.values import GIB, KIB, MIB, TIB, size


class DefaultTests(SynchronousTestCase):
    def test_defaults(self) -> None:
        """Without options PeerStor listens on all IPv4 addresses, port 8080, and leaves it to the tokens who may what."""
        settings = Settings()
        self.assertEqual(
            (settings.host, settings.port, settings.strict_port, settings.anonymous),
            ("0.0.0.0", 8080, False, None),
        )
        self.assertEqual((settings.gzip, settings.gzip_threshold), (True, MIB))
        self.assertEqual(
            (settings.max_upload, settings.upload_expiry_seconds, settings.fsync), (None, 7 * 86400, True)
        )
        self.assertEqual((settings.allow_host, settings.cors, settings.access_log), ((), None, None))
        self.assertIsNone(settings.audit_log)
        self.assertEqual((settings.drain, settings.max_connections_per_address, settings.state), (4.0, 0, None))

    def test_storage_is_absolute(self) -> None:
        """A path is settled when the command is typed: a daemon changes its working folder later."""
        self.assertEqual(Settings().storage, os.path.join(os.getcwdb(), b"data"))
        self.assertEqual(Settings(storage="/a/../b/").storage, b"/b")

    def test_shown_defaults_are_true(self) -> None:
        """The default that the help shows is the default that holds."""
        for setting in fields(Settings):
            option = setting.metadata[Option]
            if option.default is not None:
                with self.subTest(option=option.name):
                    self.assertEqual(Settings(**{setting.name: option.default}), Settings())

    def test_odd_path_bytes(self) -> None:
        """A path that is no UTF-8 stays the bytes that it is on disk."""
        self.assertEqual(Settings(storage=os.fsdecode(b"/srv/\xff")).storage, b"/srv/\xff")

    def test_checked_once_more(self) -> None:
        """A value that was checked passes again, and stays what it is: settings are put together from others."""
        given = Settings(
            host="[::1]",
            base_path="/a%2Bc/ü",
            storage="x",
            cert="c",
            https=True,
            gzip_threshold="64K",
            upload_expiry="36499.123456",
            drain=0.25,
            allow_host=("Bücher.example", ".x."),
            trusted_proxy=("::ffff:10.0.0.0/104", "unix"),
            cors="HTTPS://A.example",
            audit_log="none",
        )
        self.assertEqual(Settings(**asdict(given)), given)

    def test_frozen(self) -> None:
        """Settings don't change under those who read them."""
        with self.assertRaises(FrozenInstanceError):
            Settings().port = 1  # type: ignore[misc]


class RefusalTests(SynchronousTestCase):
    def test_one_line_that_names_the_option(self) -> None:
        """A value that isn't allowed is refused with one line that names the option and the value."""
        wrong = {
            "port": ["65536", "-1", "+80", "8_0", " 80", "８０", "", "http", "80.0"],
            "https_port": ["65536", "-1", "https", ""],
            "cert": [""],
            "key": [""],
            "max_connections_per_address": ["-1", "many"],
            "gzip_threshold": ["1.5M", "-1", "10X", "", "9223372036854775808", "8388608T", "K"],
            "max_upload": ["0", "none", "0x10"],
            "max_request": ["0", "65535", "-1"],
            "upload_expiry": ["0", "-1", "nan", "inf", "1e3", "week"],
            "drain": ["-1", "nan", "86401", ""],
            "anonymous": ["write", "", "Read"],
            "token": [
                "",
                "1234567",
                "tab\there",
                "line\nhere",
                "wide\u3000blank",
                "hard\xa0blank",
                "\x7f" * 9,
                " padded ",
            ],
            "cors": ["example.org", "https://example.org/", "ftp://a", "", "https://a b", "null"],
            "host": ["", "a b", "user@host", "http://x", "[]"],
            "storage": [""],
            "state": [""],
            "access_log": [""],
            "audit_log": [""],
        }
        for name, values in wrong.items():
            for value in values:
                with self.subTest(setting=name, value=value):
                    with self.assertRaises(StartupError) as caught:
                        Settings(**{name: value})  # type: ignore[arg-type]
                    text = str(caught.exception)
                    self.assertIn(f"--{name.replace('_', '-')} ", text)
                    self.assertNotIn("\n", text)
                    self.assertTrue(text.endswith("."))

    def test_https(self) -> None:
        """Options of HTTPS that contradict each other, or do nothing, are refused; one line says which."""
        for words, wrong in (
            ("not both", {"https": True, "https_port": 8443}),
            ("another one than --port", {"port": 8443, "https_port": 8443}),
            ("--cert FILE", {"https": True, "key": "k"}),
            ("--https-port PORT", {"cert": "c", "key": "k"}),
        ):
            with self.subTest(wrong=wrong):
                with self.assertRaises(StartupError) as caught:
                    Settings(**wrong)  # type: ignore[arg-type]
                self.assertIn(words, str(caught.exception))
        self.assertFalse(Settings().tls)
        self.assertTrue(Settings(https_port=0, port=0).tls)
        self.assertTrue(Settings(https=True, cert="c").tls)

    def test_a_secret_stays_one(self) -> None:
        """The secret of --token shows neither in what is printed of the settings nor in its refusal."""
        self.assertNotIn("long-enough", repr(Settings(token="long-enough")))
        with self.assertRaises(StartupError) as caught:
            Settings(token="sshort")
        self.assertNotIn("sshort", str(caught.exception))
        self.assertEqual(Settings(token="zwei Wörter").token, "zwei Wörter")

    def test_host_names(self) -> None:
        """An allowed host is a name without scheme, port or path; a leading dot takes what is below."""
        for value in ("http://a", "a:80", "a/b", "", ".", "-a", "a..b", "*.a", "a b", "a" * 64):
            with self.subTest(value=value), self.assertRaises(StartupError):
                Settings(allow_host=(value,))
        self.assertEqual(
            Settings(allow_host=["Files.Example.ORG", ".home.example.", "bücher.example"]).allow_host,
            ("files.example.org", ".home.example", "xn--bcher-kva.example"),
        )

    def test_values_that_pass(self) -> None:
        """Edges of what is allowed are allowed."""
        settings = Settings(port="0", drain="0", upload_expiry="0.5", cors="HTTPS://A.example:8443", host="[::1]")
        self.assertEqual((settings.port, settings.drain, settings.upload_expiry_seconds), (0, 0.0, 43200.0))
        self.assertEqual((settings.cors, settings.host), ("https://a.example:8443", "::1"))


class ListenTests(SynchronousTestCase):
    def refusal(self, **settings: object) -> str:
        with self.assertRaises(StartupError) as caught:
            Settings(**settings)  # type: ignore[arg-type]
        return str(caught.exception)

    def test_written_in_one_way(self) -> None:
        """Endpoints are checked, and written in one way, which is read as the same again."""
        once = Settings(listen=["tcp:80", "unix:/run/../x:600"]).listen
        self.assertEqual(once, ("tcp:80:interface=0.0.0.0", "unix:/x:mode=600"))
        self.assertEqual(Settings(listen=once).listen, once)
        self.assertIn("add --https", self.refusal(listen=["tcp:80", "ssl:443"]))

    def test_in_place_of_host_and_port(self) -> None:
        """With --host or --port beside it nobody could tell what was meant; HTTPS beside it is --https."""
        for other in ({"host": "127.0.0.1"}, {"port": 81}):
            self.assertIn("takes the place of --host and --port", self.refusal(listen=["tcp:80"], **other))
        self.assertIn("--listen tcp:81:interface=0.0.0.0", self.refusal(listen=["tcp:80"], port=81))
        self.assertIn("give --https instead", self.refusal(listen=["tcp:80"], https_port=443))
        self.assertTrue(Settings(listen=["tcp:80"], https=True, host="0.0.0.0", port=8080, strict_port=True).tls)


class SizeTests(SynchronousTestCase):
    def test_suffixes(self) -> None:
        """K and KiB count 1024, kB counts 1000, as dd(1) has it, in any case."""
        for text, count in {
            "0": 0,
            "17b": 17,
            "64K": 64 * KIB,
            "64k": 64 * KIB,
            "10MB": 10_000_000,
            "1GiB": GIB,
            "2 gib": 2 * GIB,
            "3T": 3 * TIB,
            "9223372036854775807": 2**63 - 1,
        }.items():
            with self.subTest(text=text):
                self.assertEqual(size(text, "max-upload"), count)

    @given(st.integers(min_value=0, max_value=2**63 - 1))
    def test_plain_bytes(self, count: int) -> None:
        """Digits alone are bytes, exactly."""
        self.assertEqual(size(str(count), "max-upload"), count)

    @given(st.integers(min_value=0, max_value=10**6), st.sampled_from(["K", "M", "G", "T"]))
    def test_binary_suffixes_agree(self, count: int, suffix: str) -> None:
        """K means what KiB means, for every size, without rounding."""
        self.assertEqual(size(f"{count}{suffix}", "x"), size(f"{count}{suffix}iB", "x"))
        self.assertEqual(size(f"{count}{suffix}", "x") % (count or 1), 0)
