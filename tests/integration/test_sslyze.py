"""What sslyze finds of the server's TLS: nothing to complain of.

sslyze is a tool of its own here, not a library in our environment: it wants an older `cryptography` than the one
that the server is to run with. It is looked for on the PATH and beside Python.
"""

import json
import os
import shutil
import subprocess
import unittest
from typing import Any

import pytest

from tests.certificates import Authority
from tests.integration.daemon import BIN, PATIENCE
from tests.integration.server import ServerCase
from tests.scratch import scratch_folder

SSLYZE = shutil.which("sslyze", path=os.pathsep.join([os.environ.get("PATH", os.defpath), BIN]))
OLD = ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1")


@unittest.skipIf(SSLYZE is None, "sslyze isn't there (pipx install sslyze)")
@pytest.mark.slow
class SslyzeTests(ServerCase):
    def scan(self, *options: str, profile: str) -> tuple[dict[str, Any], subprocess.CompletedProcess[bytes]]:
        """Start a server with the certificate of a test authority, and have sslyze look at it."""
        folder = scratch_folder(self)
        authority = Authority()
        cert, key = authority.issue("localhost").write(folder)
        server = self.serve("--cert", cert, "--key", key, *options)
        found = os.path.join(folder, "found.json")
        assert SSLYZE is not None
        done = subprocess.run(
            [
                SSLYZE,
                "--certinfo_ca_file",
                authority.write(folder),
                f"--mozilla_config={profile}",
                "--json_out",
                found,
                f"localhost:{server.port}{{127.0.0.1}}",
            ],
            capture_output=True,
            timeout=4 * PATIENCE,
        )
        with open(found, "rb") as file:
            (result,) = json.load(file)["server_scan_results"]
        self.assertEqual(result["scan_status"], "COMPLETED", result)
        return result["scan_result"], done

    def test_nothing_to_complain_of(self) -> None:
        """It complies with Mozilla's intermediate profile, and no flaw that is looked for is there."""
        self.look()

    def test_ordinary_way(self) -> None:
        """The same without lanes."""
        self.look("--no-fast-lanes")

    def look(self, *options: str) -> None:
        """See that there is nothing to complain of."""
        found, done = self.scan("--https", *options, profile="intermediate")
        self.assertEqual(done.returncode, 0, done.stdout.decode())
        self.assertIn(b"Compliant", done.stdout)
        for version in OLD:
            self.assertFalse(self.result(found, f"{version}_cipher_suites")["accepted_cipher_suites"], version)
        for version in ("tls_1_2", "tls_1_3"):
            self.assertTrue(self.result(found, f"{version}_cipher_suites")["accepted_cipher_suites"], version)
        self.assertFalse(self.result(found, "heartbleed")["is_vulnerable_to_heartbleed"])
        self.assertFalse(self.result(found, "openssl_ccs_injection")["is_vulnerable_to_ccs_injection"])
        self.assertIn("NOT_VULNERABLE", self.result(found, "robot")["robot_result"])
        self.assertFalse(self.result(found, "tls_compression")["supports_compression"])
        renegotiation = self.result(found, "session_renegotiation")
        self.assertTrue(renegotiation["supports_secure_renegotiation"])
        self.assertFalse(renegotiation["is_vulnerable_to_client_renegotiation_dos"])
        self.assertTrue(self.result(found, "tls_fallback_scsv")["supports_fallback_scsv"])
        self.assertTrue(self.result(found, "tls_extended_master_secret")["supports_ems_extension"])
        self.trusted(found)

    def trusted(self, found: dict[str, Any]) -> None:
        """The whole chain came, in order, and leads to the authority under the name that was asked for."""
        (deployed,) = self.result(found, "certificate_info")["certificate_deployments"]
        self.assertTrue(deployed["received_chain_has_valid_order"])
        self.assertTrue(deployed["verified_certificate_chain"])
        self.assertFalse(deployed["verified_chain_has_sha1_signature"])

    def result(self, found: dict[str, Any], command: str) -> Any:
        self.assertEqual(found[command]["status"], "COMPLETED", command)
        return found[command]["result"]
