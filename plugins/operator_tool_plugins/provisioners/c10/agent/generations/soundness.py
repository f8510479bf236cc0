"""Whether a generation is what it was built as: signed, whole, nothing beside it, and, if asked, to the byte."""

from __future__ import annotations

import functools
import hashlib
import os
from typing import Callable, List, NamedTuple, Optional, Set

from ..faults import AgentError
from ..identity import own_id
from ..layout import DATABASE, SIGNATURE, Generation, Layout, read_small
from ..signing.signature import SIGN_NAMESPACE, check_signature, signers_enrolled
from .access import access_problems
from .files import FileProblem, hash_file, list_files, listing_problems, raise_problems
from .manifest import Manifest, belongs, parse_manifest, read_manifest_bytes
from .state import Record, record_or_none
from .trust import Seen

QUICK, FULL = "quick", "full"


class Proven(NamedTuple):
    """A generation whose every byte was verified."""

    generation: Generation
    seen: Optional[Seen]
    """How the kernel knew its files before that."""
    seal: str


def check_generation(layout: Layout, generation: Generation, how: str, tick: Callable[[int], None]) -> Manifest:
    """Return the manifest of a sound generation; raises ``verify``, ``signature`` or ``signers`` where it isn't.

    ``quick`` looks at the signature, the names and the sizes; ``full`` also reads every byte. ``tick`` is told of the
    bytes read so far.
    """
    data = read_manifest_bytes(generation.path)
    found = list_files(generation.path)
    signature = _signature(generation) if SIGNATURE in found else None
    signer = check_signature(layout, data, signature, SIGN_NAMESPACE)
    manifest = parse_manifest(data)
    _check_seal(layout, generation, seal(data, signature), signer)
    problem = belongs(generation, manifest)
    if problem is None and manifest.companion_id != own_id(layout):
        problem = "it was built for companion %s" % manifest.companion_id
    if problem is not None:
        raise AgentError("verify", problem)
    must_be_signed = signature is not None or signers_enrolled(layout)
    problems = listing_problems(found, manifest.listing(must_be_signed)) + access_problems(generation.path)
    if how == FULL:
        problems += _hash_problems(generation, manifest, {one.path for one in problems}, tick)
    raise_problems(problems)
    return manifest


def find_problem(
    layout: Layout, generation: Generation, how: str, tick: Callable[[int], None] = lambda _bytes: None
) -> Optional[AgentError]:
    """Return what is wrong with a generation, None when nothing is. Raises ``armed`` where ``tick`` does."""
    try:
        check_generation(layout, generation, how, tick)
    except AgentError as error:
        if error.code == "armed":
            raise
        return error
    except OSError as error:
        return AgentError("verify", "it can't be read: %s" % error)
    return None


def sample_problem(generation: Generation, pictures: int, look: Callable[[], None]) -> Optional[AgentError]:
    """Hash so many pictures, picked at random; return what is wrong with them. ``look`` is called for each."""
    # SQLite takes its time to import, and nothing else here needs it.
    from ..building.measure import sample

    problem = sample(os.path.join(generation.path, DATABASE), pictures, look) if pictures else None
    return AgentError("verify", problem) if problem else None


def seal(manifest: bytes, signature: Optional[str]) -> str:
    """Return what the agent notes of a manifest and its signature when it switches to them."""
    digest = hashlib.sha256(hashlib.sha256(manifest).digest())
    digest.update((signature or "").encode("utf-8"))
    return digest.hexdigest()


def seal_of(generation: Generation) -> str:
    """Return the seal of what lies in a generation's folder now."""
    signed = os.path.lexists(os.path.join(generation.path, SIGNATURE))
    return seal(read_manifest_bytes(generation.path), _signature(generation) if signed else None)


def _check_seal(layout: Layout, generation: Generation, found: str, signer: str) -> None:
    """Raise ``verify`` for a manifest that is not the one that was switched to, ``state`` where nobody can tell."""
    record = record_or_none(layout)
    noted = (record or Record()).seals.get(generation.name)
    if noted is None and not signer:
        raise AgentError("state", "nobody signed the manifest, and the agent has no note of it")
    if noted is not None and noted != found:
        raise AgentError("verify", "the manifest or its signature is not the one that was switched to")


def _signature(generation: Generation) -> str:
    try:
        return read_small(os.path.join(generation.path, SIGNATURE)).decode("ascii")
    except UnicodeDecodeError:
        raise AgentError("signature", "the signature is not text") from None


def _hash_problems(
    generation: Generation, manifest: Manifest, known: Set[str], tick: Callable[[int], None]
) -> List[FileProblem]:
    """Return the files whose bytes are others, but for those of which something is known to be wrong already."""
    problems = []
    done = 0
    for entry in manifest.all_files:
        path = os.path.join(generation.path, entry.path)
        if entry.path not in known and hash_file(path, functools.partial(_add, tick, done)) != entry.sha256:
            problems.append(FileProblem(entry.path, "the bytes of %s are not those that were built" % entry.path))
        done += entry.bytes
    return problems


def _add(tick: Callable[[int], None], done: int, more: int) -> None:
    tick(done + more)
