"""Fuzzes one target or all, for so many seconds.

With atheris (`pip install -e '.[fuzz]'`) the inputs are led by the coverage of PeerStor's code; without it they
are seeded mutations of the corpus. An input that breaks a rule is written to a file and ends the run with 1.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.util
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.fuzz import corpus, engine
from tests.fuzz.targets import NAMES

INSTRUMENTED = ["peerstor", "multipart", "twisted.web.http", "twisted.web.http_headers", "werkzeug.http"]


def main() -> int:
    """Run what the command line says."""
    options = _options()
    Path(options.found).mkdir(parents=True, exist_ok=True)
    if options.target == "all":
        return _all(options)
    return _guided(options) if options.engine == "atheris" else _mutated(options)


def _options() -> argparse.Namespace:
    has_atheris = importlib.util.find_spec("atheris") is not None
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=("all", *NAMES))
    parser.add_argument("--seconds", type=float, default=60, help="in total (default: 60)")
    parser.add_argument(
        "--engine", choices=("atheris", "mutation"), default="atheris" if has_atheris else "mutation"
    )
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**31)
    parser.add_argument("--found", default=f"{tempfile.gettempdir()}/peerstor-fuzz", help="where findings are put")
    parser.add_argument(
        "--grow", help="a folder in which atheris keeps what it learned (default: one that is dropped)"
    )
    return parser.parse_args()


def _all(options: argparse.Namespace) -> int:
    """Run each target in a process of its own: atheris ends its process, and a hang must not keep the others."""
    failed = []
    for name in NAMES:
        command = [sys.executable, "-m", "tests.fuzz", name, "--engine", options.engine, "--found", options.found]
        command += ["--seconds", str(options.seconds / len(NAMES)), "--seed", str(options.seed)]
        if options.grow:
            command += ["--grow", f"{options.grow}/{name}"]
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
    print(f"broken: {', '.join(failed)}" if failed else f"{len(NAMES)} targets, nothing found")
    return 1 if failed else 0


def _mutated(options: argparse.Namespace) -> int:
    target = importlib.import_module(f"tests.fuzz.targets.{options.target}")
    seeds = [data for _, data in corpus.inputs(options.target)]
    mutator = engine.Mutator(seeds, target.WORDS, seed=options.seed)
    began = time.monotonic()
    try:
        count = engine.run(target.check, mutator, seconds=options.seconds)
    except engine.Finding as finding:
        traceback.print_exception(finding.error)
        path = Path(options.found) / f"{options.target}-{hashlib.sha256(finding.data).hexdigest()[:12]}"
        path.write_bytes(finding.data)
        print(f"{options.target}: {finding.data!r} breaks a rule; kept as {path}")
        return 1
    print(
        f"{options.target}: {count} inputs in {time.monotonic() - began:.0f} s (seed {options.seed}), nothing found"
    )
    return 0


def _guided(options: argparse.Namespace) -> int:
    import atheris

    with atheris.instrument_imports(include=INSTRUMENTED), tempfile.TemporaryDirectory() as own:
        target = importlib.import_module(f"tests.fuzz.targets.{options.target}")
        grown = Path(options.grow or own)
        grown.mkdir(parents=True, exist_ok=True)
        words = grown.parent / f"{grown.name}.words"
        words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.WORDS))
        # It ends the process itself, by exit status 77 where a rule was broken.
        arguments = [
            sys.argv[0], str(grown), str(corpus.FOLDER / options.target), f"-dict={words}",
            f"-max_total_time={max(1, round(options.seconds))}", f"-seed={options.seed}", "-timeout=20",
            f"-max_len={engine.LARGEST}", f"-artifact_prefix={options.found}/{options.target}-", "-print_final_stats=1",
        ]  # fmt: skip
        atheris.Setup(arguments, target.check)
        atheris.Fuzz()
    return 0


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    sys.exit(main())
