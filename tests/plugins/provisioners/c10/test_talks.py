"""Whatever either end of the agent's protocol is told, only the protocol's own errors come out: a short seeded run.

``nox -s fuzz`` does the same for longer, guided by what the code does with it.
"""

from __future__ import annotations

import resource
import time
from random import Random

import pytest

from tests.fuzz.mutation import mutated

from .talks import NAMES, talks

INPUTS = {"agent-requests": 400, "agent-frames": 2000, "companion-reports": 4000, "companion-events": 4000}
MAX_GROWTH_BYTES = 200 * 1024 * 1024
MAX_SECONDS = 3.0
HOSTILE = (
    b"", b"{", b"null", b"[" * 100_000, b'{"report":' * 20_000, b'{"event":"lacks","batch":1e999,"bits":1}',
    b'{"report":"hello","run_id":"run-1","ok":true,"clock":' + b"9" * 400 + b"}",
    b'{"report":"hello","run_id":"run-1","ok":true,"root":"\\ud800"}',
    b'{"verb":"hello","protocol":2,"run_id":"r","root":"/","operator":"' + b"x" * 2_000_000 + b'"}',
    b"\x01\xff\xff\xff\xff", b"\x01\x00\x00\x00\x04\x00\x00\x00\x00", b"\x05\x00\x00\x00\x00",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_samples_are_taken(name: str) -> None:
    """What is as it must be raises nothing."""
    for sample in talks()[name].samples:
        talks()[name].take(sample)


@pytest.mark.parametrize("name", NAMES)
def test_hostile_words_meet_the_protocols_own_errors(name: str) -> None:
    """Depth, endless digits, half characters, sizes that are none."""
    for hostile in HOSTILE:
        talks()[name].take(hostile)


@pytest.mark.parametrize("name", NAMES)
def test_changed_words_meet_the_protocols_own_errors(name: str) -> None:
    """Some thousand changes to good samples, the same in each run; none takes long, or much memory."""
    talk = talks()[name]
    chance = Random(f"{name} 1")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(INPUTS[name]):
        data = mutated(chance.choice(talk.samples), chance)
        begun_s = time.process_time()
        try:
            talk.take(data)
        except Exception as error:
            raise AssertionError(f"input {number}: {data[:2000]!r}") from error
        assert time.process_time() - begun_s < MAX_SECONDS, data[:2000]
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * 1024 < MAX_GROWTH_BYTES
