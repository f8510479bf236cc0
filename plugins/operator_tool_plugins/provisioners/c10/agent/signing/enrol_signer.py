"""``enrol_signer``: one more key whose signature counts here, by the word of somebody who is known already.

The first one is taken from whoever has a shell on this companion. A login that is locked to the gate has none: there
the administrator adds the line. Every step leaves at least one key that counts, so that a power cut locks nobody out.
"""

from __future__ import annotations

import os
from typing import Dict, List, Optional, Tuple

from ..cache_root import prepare_root
from ..call import Call
from ..failpoints import failpoint
from ..faults import AgentError
from ..guard import BuildLock, patience_of
from ..keeping.audit import note
from ..layout import Layout, write_whole
from ..own_config import refuse_if_armed
from .kept_file import MAX_BYTES, read_kept
from .signature import ORDER_NAMESPACE, SIGN_NAMESPACE, orderer
from .signers import (
    ALLOWED,
    MAX_SIGNERS,
    PRINCIPAL,
    REVOKED,
    SYSTEM_FOLDER,
    Enrolled,
    enrolled,
    fingerprint,
    key_words,
    parse_key,
    signers,
)


def run(call: Call) -> Dict[str, object]:
    """Take the request's key; with ``replace`` the key that signed the order is taken out and revoked."""
    request = call.request
    layout = Layout(request.text("root"))
    principal, key, replace = _wanted(call)
    refuse_if_armed(layout)
    prepare_root(layout)
    holder: Dict[str, object] = {
        "operator": request.text("operator", ""),
        "run_id": request.text("run_id"),
        "pid": os.getpid(),
    }
    with BuildLock(layout).acquire(patience_of(call, 5.0), holder):
        found = enrolled(layout)
        said: Dict[str, object] = {"principal": principal, "public_key": key_words(key), "replace": replace}
        signer = orderer(call, layout, found, "enrol_signer", said) if found is not None else None
        if found is None:
            _refuse_first(call, principal, key)
        elif key in found.revoked:
            raise AgentError("signers", "the key %s was revoked on this companion" % fingerprint(key))
        old = signer.key if replace and signer is not None else None
        if old == key:
            raise AgentError("signers", "a key can't replace itself: have the old key sign for the new one")
        refuse_if_armed(layout)
        # From here on it is quicker to finish than to be ended half-way.
        call.dead_man.let_finish()
        written_to = _enrol(layout, found, principal, key, old)
        revoked = [fingerprint(old)] if old is not None else []
        note(
            layout,
            "enrol_signer",
            principal=principal,
            fingerprint=fingerprint(key),
            revoked=revoked,
            written_to=written_to,
            signer=signer.principal if signer is not None else "",
            run_id=request.text("run_id"),
            operator=request.text("operator", ""),
        )
    return {
        "principal": principal,
        "fingerprint": fingerprint(key),
        "signers": signers(layout),
        "revoked": revoked,
        "written_to": written_to,
        "last": True,
    }


def _wanted(call: Call) -> Tuple[str, bytes, bool]:
    principal = call.request.text("principal")
    if not PRINCIPAL.match(principal):
        raise AgentError("request", "principal: expected at most 64 letters, digits and ._@+-")
    words = call.request.text("public_key").split()
    try:
        return principal, parse_key(*words[:2]) if len(words) > 1 else parse_key("", ""), call.request.flag("replace")
    except ValueError as error:
        raise AgentError("request", "public_key: %s" % error) from None


def _refuse_first(call: Call, principal: str, key: bytes) -> None:
    if call.gated:
        raise AgentError(
            "refused",
            "through the gate nobody becomes the first signer: have the companion's administrator add this line to"
            " %s: %s" % (os.path.join(SYSTEM_FOLDER, ALLOWED), _line(principal, key)),
        )


def _enrol(layout: Layout, found: Optional[Enrolled], principal: str, key: bytes, old: Optional[bytes]) -> str:
    """Write what is not there yet: the new key, the old one's revocation, and the list without it, in this order."""
    path = found.path if found is not None else _first_path(layout)
    lines = _lines(found.data) if found is not None else []
    known = found is not None and any(signer.key == key for signer in found.signers)
    if known and old is None:
        return ""
    if not os.access(os.path.dirname(path), os.W_OK):
        raise AgentError(
            "signers",
            "user id %d may not write to %s: have the companion's administrator add this line to it: %s"
            % (os.geteuid(), path, _line(principal, key))
            + _revocation(path, old),
        )
    if not known:
        if found is not None and len(found.signers) >= MAX_SIGNERS:
            raise AgentError("signers", "%s names %d signers already" % (path, MAX_SIGNERS))
        lines.append(_line(principal, key))
        _write(path, lines)
    failpoint("enrol.after_added")
    if old is not None:
        _revoke(os.path.join(os.path.dirname(path), REVOKED), old)
        failpoint("enrol.after_revoked")
        words = key_words(old)
        _write(path, [line for line in lines if words not in " ".join(line.split()) or line.lstrip().startswith("#")])
    return path


def _first_path(layout: Layout) -> str:
    """Return where the first signer is written: to the system's folder where it is there and open to this login."""
    folder = SYSTEM_FOLDER if os.access(SYSTEM_FOLDER, os.W_OK | os.X_OK) else layout.root
    return os.path.join(folder, ALLOWED)


def _revoke(path: str, key: bytes) -> None:
    try:
        lines = _lines(read_kept(path))
    except FileNotFoundError:
        lines = []
    _write(path, [*lines, key_words(key)])


def _lines(data: bytes) -> List[str]:
    # Not splitlines(): what it takes for a line's end can stand in a comment.
    return data.decode("utf-8").rstrip("\n").split("\n")


def _write(path: str, lines: List[str]) -> None:
    data = "".join(line + "\n" for line in lines).encode("utf-8")
    if len(data) > MAX_BYTES:
        raise AgentError("signers", "%s would be larger than %d bytes" % (path, MAX_BYTES))
    write_whole(path, data)


def _line(principal: str, key: bytes) -> str:
    return '%s namespaces="%s,%s" %s' % (principal, SIGN_NAMESPACE, ORDER_NAMESPACE, key_words(key))


def _revocation(path: str, old: Optional[bytes]) -> str:
    if old is None:
        return ""
    beside = os.path.join(os.path.dirname(path), REVOKED)
    return "; take the line of %s out, and add its key to %s: %s" % (fingerprint(old), beside, key_words(old))
