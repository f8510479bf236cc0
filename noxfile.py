"""The project's checks and benchmarks; versions and groups are read from pyproject.toml."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv"
nox.options.sessions = ["lint", "tests"]

PYPROJECT = nox.project.load_toml()
WORKERS = str(3 * (os.cpu_count() or 2) // 2)
"""Half as many again as there are processors: many tests wait for a link, a deadline or a silence to pass."""
AGENT = "plugins/operator_tool_plugins/provisioners/c10/agent"
LOCK = "requirements/development.txt"
"""Every package of every session but fuzz, latest and lowest, with its version and hashes."""


def _group(name: str) -> tuple[str, ...]:
    return nox.project.dependency_groups(PYPROJECT, name)


def _install_locked(session: nox.Session) -> None:
    """Install what the lock names, and the project from this folder: no release of a dependency changes the result."""
    session.install("--require-hashes", "-r", LOCK)
    session.install("--no-deps", "--no-build-isolation", "-e", ".")


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff, mypy in strict mode, the walls between the rooms, and what the companion's Python 3.8 knows."""
    _install_locked(session)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("lint-imports")
    session.run("vermin", "--target=3.8-", "--violations", "--no-tips", AGENT)


@nox.session
def tests(session: nox.Session) -> None:
    """Every test, with a real sshd, a real nginx and a real browser; a file's tests run one after the other."""
    session.run("bash", ".ci/real-parts", external=True)
    _install_locked(session)
    session.run("pytest", "-n", WORKERS, "--dist", "loadfile", *session.posargs)


@nox.session
def latest(session: nox.Session) -> None:
    """Every test with the newest release of each dependency: what the lock will have to take next."""
    session.run("bash", ".ci/real-parts", external=True)
    session.install("-U", "-e", ".", *_group("test"), *_group("docs"))
    session.run("pytest", "-n", WORKERS, "--dist", "loadfile", *session.posargs)


@nox.session
def lowest(session: nox.Session) -> None:
    """The unit tests with the lowest release of each dependency that pyproject.toml allows."""
    session.install("--resolution", "lowest-direct", "-e", ".", *_group("test"), *_group("docs"))
    unit = ("tests/core", "tests/plugins", "tests/contract", "tests/docs")
    session.run("pytest", "-n", WORKERS, "--dist", "loadfile", *unit, *session.posargs)


@nox.session
def lock(session: nox.Session) -> None:
    """Write the locks anew from pyproject.toml: the newest release of each package, with its hashes."""
    session.install("uv")
    compile_lock = ("uv", "pip", "compile", "--quiet", "--upgrade", "--universal", "--generate-hashes")
    header = ("--python-version", "3.11", "--custom-compile-command", "nox -s lock", "pyproject.toml")
    groups = [f"--group={name}" for name in ("test", "docs", "lint", "benchmark")]
    session.run(*compile_lock, *header, *groups, "--output-file", LOCK)
    session.run(*compile_lock, *header[:-1], "--group=nox", "--output-file", "requirements/nox.txt")


@nox.session
def coverage(session: nox.Session) -> None:
    """The same tests, and which lines of the code they ran; counting takes half as long again."""
    session.run("bash", ".ci/real-parts", external=True)
    _install_locked(session)
    session.run("pytest", "-n", WORKERS, "--dist", "loadfile", "--cov", "--cov-report=", *session.posargs)
    session.run("coverage", "report")


@nox.session
def nightly(session: nox.Session) -> None:
    """The slow matrices: kill -9 at random moments of builds of 5,000 tiles, and long runs of the properties."""
    session.run("bash", ".ci/real-parts", external=True)
    _install_locked(session)
    session.run("pytest", "-m", "nightly", "--timeout=3600", *session.posargs)


@nox.session
def reliability(session: nox.Session) -> None:
    """Every matrix of faults as a whole, and docs/reliability.md from what they counted."""
    begun_s = time.monotonic()
    session.run("bash", ".ci/real-parts", external=True)
    _install_locked(session)
    counts = Path(session.create_tmp()) / "reliability"
    shutil.rmtree(counts, ignore_errors=True)
    session.run(
        "pytest", "-m", "reliability", "--timeout=1800", *session.posargs, env={"RELIABILITY_COUNTS_DIR": str(counts)}
    )
    took_s = time.monotonic() - begun_s
    session.run("python", "-m", "tests.support.reliability_page", str(counts), f"{took_s:.0f}")


@nox.session
def fuzz(session: nox.Session) -> None:
    """Fuzz each reader of mission files, and both ends of the agent's protocol, for 10 minutes each.

    Name some of them, and seconds, to do less or more.
    """
    _install_locked(session)
    session.install(*_group("fuzz"))
    session.run("python", "-m", "tests.fuzz.run", *session.posargs, env={"FUZZ_DIR": session.create_tmp()})


@nox.session
def docs(session: nox.Session) -> None:
    """Render the reference from the code, and build the site of all pages into build/site; a broken link fails it."""
    _install_locked(session)
    session.run("python", "docs/reference/render.py")
    session.run("python", "docs/reference/render_conformance.py")
    session.run("python", "docs/reference/render_command_line.py")
    session.run("sphinx-build", "-q", "-n", "-W", "--keep-going", "-d", session.create_tmp(), "docs", "build/site")


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Measure beside peers in the same run, and write docs/benchmarks.md; name a section to see it alone."""
    session.run("bash", "benchmarks/install-peers", external=True)
    # The benchmark of the link borrows the real sshd and the link of the tests.
    session.install("--require-hashes", "-r", LOCK)
    session.install("--no-deps", "--no-build-isolation", ".")
    session.run("python", "benchmarks/run.py", *session.posargs)
