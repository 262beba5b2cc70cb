"""Shows what the tests with real processes measured, whether they passed or not."""

from typing import Any

from tests.integration.server import MEASURED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the figures behind the run."""
    if MEASURED:
        terminalreporter.section("measured")
        for line in MEASURED:
            terminalreporter.write_line(line)
