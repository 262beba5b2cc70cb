"""Rules of the command line and of what is built from it."""

import io
import os
import re
import socket
import sys
import types
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any

from twisted.application.service import IService, Service
from twisted.internet import defer
from twisted.logger import LogPublisher
from twisted.python import failure
from twisted.python.usage import Options as UsageOptions
from twisted.scripts._twistd_unix import ServerOptions
from twisted.trial.unittest import SynchronousTestCase

import peerstor
from peerstor import __version__, tap
from peerstor.__main__ import Foreground
from peerstor.daemon import jsonlog, openings, textlog
from peerstor.daemon.announcement import Announcement
from peerstor.daemon.logfile import LogFile
from peerstor.daemon.notify import Notifier
from peerstor.daemon.unixsocket import SocketFiles
from peerstor.errors import StartupError, StorageUnavailable
from peerstor.settings import Settings
from peerstor.tap import Options, given_in, makeService
from peerstor.values import MIB
from tests.scratch import scratch_folder


def parsed(*arguments: str) -> Settings:
    """The settings of a command line."""
    options = Options()
    options.parseOptions(list(arguments))
    return options.settings


class OptionsTests(SynchronousTestCase):
    def refusal(self, *arguments: str) -> str:
        with self.assertRaises(SystemExit) as caught:
            parsed(*arguments)
        # A text as the code is printed to standard error, with exit status 1.
        text = caught.exception.code
        assert isinstance(text, str)
        self.assertTrue(text.startswith("peerstor: "), text)
        self.assertNotIn("\n", text)
        return text

    def output(self, *arguments: str, options: UsageOptions | None = None) -> str:
        printed = io.StringIO()
        with redirect_stdout(printed), self.assertRaises(SystemExit) as caught:
            (options or Options()).parseOptions(list(arguments))
        self.assertEqual(caught.exception.code, 0)
        return printed.getvalue()

    def test_nothing_given(self) -> None:
        """No option is all defaults."""
        self.assertEqual(parsed(), Settings())

    def test_every_option(self) -> None:
        """Every option reaches its setting."""
        line = (
            "--host ::1 --port 81 --strict-port --storage /s --state /t --no-gzip --gzip-threshold 2MiB"
            " --max-upload 5 --upload-expiry 2 --allow-host a --allow-host .b --cors none --token 12345678 --anonymous read"
            " --max-connections-per-address 9 --access-log /l --audit-log /m --drain 0.5 --no-fsync"
        )
        self.assertEqual(
            parsed(*line.split()),
            Settings(
                host="::1",
                port=81,
                strict_port=True,
                storage=b"/s",
                state=b"/t",
                gzip=False,
                gzip_threshold=2 * MIB,
                max_upload=5,
                upload_expiry=2,
                allow_host=("a", ".b"),
                cors="none",
                token="12345678",
                anonymous="read",
                max_connections_per_address=9,
                access_log=b"/l",
                audit_log=b"/m",
                drain=0.5,
                fsync=False,
            ),
        )

    def test_every_setting_has_its_option(self) -> None:
        """Every setting can be given, and stands in the help."""
        shown = self.output("--help")
        for option in tap._OPTIONS:
            with self.subTest(option=option.name):
                self.assertIn(f"--{option.name}", shown)
                self.assertTrue(option.name in Options().docs)

    def test_repeated_option_starts_empty(self) -> None:
        """A second parse doesn't inherit the names of the first."""
        parsed("--allow-host", "a")
        self.assertEqual(parsed("--allow-host", "b").allow_host, ("b",))

    def test_wrong_lines(self) -> None:
        """Whatever is wrong is one line that says what."""
        for arguments, words in (
            (["--bogus"], "--bogus not recognized"),
            (["--port"], "--port requires argument"),
            (["--port", "http"], "--port must be a whole number from 0 to 65535, not 'http'."),
            (["--no-gzip=no"], "--no-gzip must not have an argument"),
            (["/srv/files"], "--storage DIR"),
            (["--max-upload", "big"], "--max-upload must be a size"),
        ):
            with self.subTest(arguments=arguments):
                self.assertIn(words, self.refusal(*arguments))

    def test_help(self) -> None:
        """The help fits a terminal, groups the options, and names units and defaults."""
        shown = self.output("--help")
        self.assertLessEqual(max(map(len, shown.splitlines())), 80)
        for words in ("Listening:", "Uploads:", "--max-upload BYTES", "--drain SECONDS", "[default: 8080]"):
            self.assertIn(words, shown)

    def test_version(self) -> None:
        """The version is PeerStor's, not Twisted's."""
        self.assertEqual(self.output("--version"), f"PeerStor {__version__}\n")

    def test_usage_line(self) -> None:
        """The help tells the command that was used."""
        self.assertIn("Usage: twistd", self.output("--help"))
        self.assertIn("Usage: peerstor", self.output("peerstor", "--help", options=Foreground()))


class TwistdTests(SynchronousTestCase):
    @staticmethod
    def twistd(*arguments: str, ours: Sequence[str] = ()) -> ServerOptions:
        options = ServerOptions()
        options.parseOptions([*arguments, "peerstor", *ours])
        return options

    def test_foreground_has_no_pid_file(self) -> None:
        """In the foreground no pid file is written unless one is named, be it by its default name."""
        self.assertEqual(self.twistd("-n")["pidfile"], "")
        # The option turns a mode on that would catch the failures of every test behind this one.
        self.patch(failure, "startDebugMode", lambda: None)
        self.patch(defer, "setDebugging", lambda on: None)
        self.assertEqual(self.twistd("--debug")["pidfile"], "")
        self.assertEqual(self.twistd("-n", "--pidfile", "twistd.pid")["pidfile"], os.path.abspath("twistd.pid"))
        self.assertEqual(self.twistd("-n", "--pidfile=x.pid")["pidfile"], os.path.abspath("x.pid"))

    def test_daemon_keeps_its_pid_file(self) -> None:
        """A daemon's pid file is twistd's matter."""
        self.assertEqual(self.twistd()["pidfile"], os.path.abspath("twistd.pid"))

    def test_log_file(self) -> None:
        """A log that twistd would write to a file is written by us, so that SIGHUP opens it again; no other is."""
        for arguments, path in (
            (["--logfile", "x.log"], "x.log"),
            (["-n", "--logfile", "/y/x.log"], "/y/x.log"),
            ([], "twistd.log"),
            (["-n"], None),
            (["-n", "--logfile", "-"], None),
            (["--syslog"], None),
            (["--logger", "twisted.logger.globalLogPublisher"], None),
        ):
            with self.subTest(arguments=arguments):
                options = self.twistd(*arguments)
                assert isinstance(options.subOptions, Options)
                log_file = options.subOptions.log_file
                self.assertEqual(log_file and log_file.path, path and os.path.abspath(path))
                self.assertEqual(options["logger"] is LogPublisher, log_file is not None)
                self.assertEqual(options["logger"] is textlog.observer, "-n" in arguments and log_file is None)

    def test_log_format(self) -> None:
        """JSON goes where the text would: into the file, or by twistd's own --logger to standard output."""
        for arguments, path in (
            (["--logfile", "x.log"], "x.log"),
            (["-n", "--logfile", "/y/x.log"], "/y/x.log"),
            ([], "twistd.log"),
            (["-n"], None),
            (["-n", "--logfile", "-"], None),
        ):
            for options in (
                self.twistd(*arguments, ours=["--log-format", "json"]),
                self.twistd(*arguments, "--logger", jsonlog.OBSERVER),
            ):
                assert isinstance(options.subOptions, Options)
                log_file = options.subOptions.log_file
                self.assertEqual(log_file and log_file.path, path and os.path.abspath(path))
                self.assertIs(options["logger"], LogPublisher if path else jsonlog.observer)

    def test_log_format_refused(self) -> None:
        """What doesn't go with JSON, and a format that there isn't, is refused in one line."""
        json = ["--log-format", "json"]
        for arguments, ours, words in (
            (["--syslog"], json, "--syslog has a form of its own"),
            (["--logger", "twisted.logger.globalLogPublisher"], json, "give one of them"),
            (["--logfile", "-"], json, "no standard output"),
            (["-n"], ["--log-format", "xml"], "--log-format must be text or json, not 'xml'."),
        ):
            with self.assertRaises(SystemExit) as caught:
                self.twistd(*arguments, ours=ours)
            self.assertIn(words, str(caught.exception.code))

    def test_chroot(self) -> None:
        """A chroot would hide the storage after it was opened: refused in one line."""
        with self.assertRaises(SystemExit) as caught:
            self.twistd("--chroot", "/srv")
        self.assertIn("--chroot can't be used", str(caught.exception.code))

    def test_alone(self) -> None:
        """The command of its own is twistd's foreground, with the same options and no search for plugins."""
        config = Foreground()
        config.parseOptions(["--nodaemon", "peerstor", "--port", "1"])
        self.assertTrue(config["nodaemon"])
        self.assertEqual(config["pidfile"], "")
        assert isinstance(config.subOptions, Options)
        self.assertEqual(config.subOptions.settings.port, 1)
        self.assertEqual(config.loadedPlugins["peerstor"].tapname, "peerstor")


class MakeServiceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = scratch_folder(self)
        self.built: list[tuple[Settings, list[socket.socket]]] = []
        self.node: Any = Service()
        self.node.has_tokens = False
        self.node.certificate_lines = []
        self.give_node(self.build)
        self.patch(tap, "raise_descriptor_limit", lambda: None)
        self.output = io.StringIO()
        self.patch(tap, "_standard_output", lambda: self.output)

    def give_node(self, build: Any) -> None:
        stand_in = types.ModuleType("peerstor.node")
        stand_in.build = build  # type: ignore[attr-defined]
        self.patch_item(stand_in)

    def patch_item(self, stand_in: types.ModuleType) -> None:
        before = sys.modules.get("peerstor.node")
        sys.modules["peerstor.node"] = stand_in
        self.addCleanup(
            lambda: (
                sys.modules.pop("peerstor.node")
                if before is None
                else sys.modules.__setitem__("peerstor.node", before)
            )
        )
        attribute = getattr(peerstor, "node", None)
        peerstor.node = stand_in  # type: ignore[attr-defined,unused-ignore]
        self.addCleanup(setattr, peerstor, "node", attribute)

    def build(
        self,
        settings: Settings,
        sockets: list[socket.socket],
        reactor: object,
        *,
        secure: list[socket.socket],
        sources: object,
        notifier: Notifier,
        log_file: LogFile | None,
    ) -> IService:
        self.notifier = notifier
        for one in sockets + secure:
            self.addCleanup(one.close)
        self.built.append((settings, sockets))
        self.secure = secure
        return self.node

    def options(self, *arguments: str, **twistd: object) -> Options:
        options = Options()
        options.parent = UsageOptions()
        options.parent.update({"nodaemon": True, **twistd})
        options.parseOptions(
            ["--host", "127.0.0.1", "--port", "0", "--storage", f"{self.folder}/data", *arguments]
        )
        return options

    def test_builds(self) -> None:
        """The node gets the settings and sockets that listen already; its storage is there."""
        makeService(self.options())
        ((settings, (one,)),) = self.built
        self.assertEqual(settings.storage, os.fsencode(self.folder) + b"/data")
        self.assertTrue(os.path.isdir(settings.storage))
        self.assertEqual(one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN), 1)

    def test_announced_last(self) -> None:
        """Where the server is gets said after its services have started."""
        services = list(makeService(self.options()))  # type: ignore[call-overload]
        self.assertIs(services[0], self.node)
        self.assertIsInstance(services[-1], Announcement)

    def announced(self, *arguments: str) -> list[str]:
        """Give the lines, with the ports that were taken written as `PLAIN` and `SECURE`."""
        announcement = list(makeService(self.options(*arguments)))[-1]  # type: ignore[call-overload]
        ports = {f":{one.getsockname()[1]}": ":PLAIN" for one in self.built[-1][1]}
        ports |= {f":{one.getsockname()[1]}": ":SECURE" for one in self.secure}
        return [re.sub(r":\d+$", lambda found: ports[found[0]], line) for line in announcement._lines]

    def test_said_of_https(self) -> None:
        """Each port is told with what is spoken there, plain HTTP first, then what people compare."""
        self.assertEqual(self.announced(), ["Access at: http://127.0.0.1:PLAIN"])
        self.node.certificate_lines = ["Key: k", "Certificate: c"]
        compared = ["Key: k", "Certificate: c"]
        self.assertEqual(self.announced("--https"), ["Access at: https://127.0.0.1:PLAIN", *compared])
        self.assertEqual(
            self.announced("--https-port", "0"),
            ["Access at: http://127.0.0.1:PLAIN", "Access at: https://127.0.0.1:SECURE", *compared],
        )

    def test_service_manager(self) -> None:
        """Where the server is reached gets into the line that a service manager shows."""
        makeService(self.options())
        ((_, (one,)),) = self.built
        self.assertEqual(self.notifier.where, f"http://127.0.0.1:{one.getsockname()[1]}")

    def test_endpoints(self) -> None:
        """--listen takes the place of --port; a UNIX socket is told by its path, and never as a code."""
        options = Options()
        options.parent = UsageOptions()
        options.parent.update({"nodaemon": True})
        path = f"{self.folder}/s"
        options.parseOptions(
            [
                "--storage",
                f"{self.folder}/data",
                "--listen",
                f"unix:{path}",
                "--listen",
                "tcp:0:interface=127.0.0.1",
            ]
        )
        services = list(makeService(options))  # type: ignore[call-overload]
        ((_, (first, second)),) = self.built
        self.assertEqual((first.family, second.family), (socket.AF_UNIX, socket.AF_INET))
        (announced,) = (one for one in services if isinstance(one, Announcement))
        port = second.getsockname()[1]
        self.assertEqual(announced._lines, [f"Access at: unix:{path}", f"Access at: http://127.0.0.1:{port}"])
        self.assertTrue(os.path.exists(path))
        (files,) = (one for one in services if isinstance(one, SocketFiles))
        files.stopService()
        self.assertFalse(os.path.exists(path))

    def test_refused_with_endpoints(self) -> None:
        """What was opened is closed when another endpoint can't be, and no socket's entry is left."""
        options = Options()
        options.parent = UsageOptions()
        options.parent.update({"nodaemon": True})
        path = f"{self.folder}/s"
        options.parseOptions(
            [
                "--storage",
                f"{self.folder}/data",
                "--listen",
                f"unix:{path}",
                "--listen",
                f"unix:{self.folder}/no/s",
            ]
        )
        with self.assertRaises(SystemExit) as caught:
            makeService(options)
        self.assertIn("its folder isn't there", str(caught.exception.code))
        self.assertFalse(os.path.exists(path))

    def test_two_ports(self) -> None:
        """A --port that is taken moves on past --https-port, which is refused by its own name when strict."""
        with socket.create_server(("127.0.0.1", 0)) as busy:
            port = busy.getsockname()[1]
            makeService(self.options("--port", str(port), "--https-port", str(port + 1)))
            (plain,), (secure,) = self.built[-1][1], self.secure
            self.assertNotEqual(plain.getsockname()[1], secure.getsockname()[1])
            with self.assertRaises(SystemExit) as caught:
                makeService(self.options("--https-port", str(port), "--strict-port"))
            self.assertIn("choose another --https-port.", str(caught.exception.code))

    def test_said_once(self) -> None:
        """In the foreground the lines stand bare on standard output; in the log too when that is a file, and there
        alone when standard output is to have nothing but JSON."""
        for twistd, printed, logged in (
            ({"logger": jsonlog.observer}, False, True),
            ({}, True, False),
            ({"logfile": "-"}, True, False),
            ({"logger": textlog.observer}, True, False),
            ({"logger": textlog.observer, "logfile": "-"}, True, False),
            ({"logger": LogPublisher}, True, True),
            ({"logfile": "x.log"}, True, True),
            ({"syslog": True}, True, True),
            ({"nodaemon": False}, False, True),
        ):
            with self.subTest(twistd=twistd):
                announced = tap._announcement([], [], self.options(**twistd).parent or {})
                self.assertEqual((announced._output is not None, announced._in_log), (printed, logged))

    def test_refusals_are_one_line(self) -> None:
        """What the node or a check refuses ends in SystemExit with its line, and the sockets are closed."""
        kept: list[socket.socket] = []

        def refuse(
            settings: Settings,
            sockets: list[socket.socket],
            reactor: object,
            *,
            secure: list[socket.socket],
            sources: object,
            notifier: Notifier,
            log_file: LogFile | None,
        ) -> IService:
            kept.extend(sockets + secure)
            raise StartupError("The storage is already served by process 7.")

        self.give_node(refuse)
        with self.assertRaises(SystemExit) as caught:
            makeService(self.options("--https-port", "0"))
        self.assertEqual(caught.exception.code, "peerstor: The storage is already served by process 7.")
        self.assertEqual([one.fileno() for one in kept], [-1, -1])

    def test_storage_that_goes(self) -> None:
        """A storage that goes between the check and its use is one line as well."""
        for fault, words in (
            (StorageUnavailable("it was unmounted."), "can't be used: it was unmounted."),
            (OSError(5, "Input/output error"), "can't be used: Input/output error."),
        ):
            with self.subTest(fault=fault):

                def fail(*_: object, fault: Exception = fault, **__: object) -> IService:
                    raise fault

                self.give_node(fail)
                with self.assertRaises(SystemExit) as caught:
                    makeService(self.options())
                self.assertTrue(str(caught.exception.code).endswith(words), caught.exception.code)

    def test_checked_before_the_port(self) -> None:
        """A storage that can't be used is refused before anything listens."""
        self.patch(openings, "listen", lambda *_, **__: self.fail("listened"))
        with self.assertRaises(SystemExit) as caught:
            makeService(self.options("--storage", "/dev/null"))
        self.assertIn("a file is in the way", str(caught.exception.code))


class GivenInTests(SynchronousTestCase):
    def test_flags_turn_their_setting(self) -> None:
        """A flag turns its setting around; one that wasn't given says nothing."""
        self.assertEqual(
            given_in({"no-gzip": 1, "no-fsync": 0, "strict-port": 1}), {"gzip": False, "strict_port": True}
        )


class ConfigTests(SynchronousTestCase):
    def test_three_sources(self) -> None:
        """The file and the environment stand behind the command line."""
        folder = scratch_folder(self)
        with open(f"{folder}/c.toml", "w") as file:
            file.write("port = 1\ndrain = 1\nhsts = 1\n")
        options = Options()
        options.environ = {"PEERSTOR_DRAIN": "2", "PEERSTOR_PORT": "2"}
        options.parseOptions(["--port", "3", "--config", f"{folder}/c.toml"])
        self.assertEqual((options.settings.port, options.settings.drain, options.settings.hsts), (3, 2.0, 1))
        self.assertEqual(options.sources.file, f"{folder}/c.toml")

    def test_wrong(self) -> None:
        """What is wrong in the file or the environment ends in one line, as on the command line."""
        options = Options()
        options.environ = {"PEERSTOR_DRAIN": "x"}
        with self.assertRaises(SystemExit) as caught:
            options.parseOptions([])
        self.assertIn("peerstor: PEERSTOR_DRAIN must be a number", str(caught.exception.code))
        with self.assertRaises(SystemExit) as caught:
            parsed("--config", "/nowhere/c.toml")
        self.assertEqual(
            caught.exception.code, "peerstor: /nowhere/c.toml can't be read: No such file or directory."
        )
