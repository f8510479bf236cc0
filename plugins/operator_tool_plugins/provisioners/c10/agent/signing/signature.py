"""Signatures: a manifest or an order is taken only from somebody whom this companion knows.

``ssh-keygen`` does the arithmetic, so that no Python here needs to. Nothing depends on this computer's clock: an older
signature is told by the session's nonce and by ``seq``. What is verified are bytes in memory; the caller parses those.
"""

from __future__ import annotations

import json
import os
import shutil
from typing import Dict, List, Optional

from ..call import Call
from ..faults import AgentError
from ..identity import own_id
from ..layout import Layout
from ..strict_json import parse_object
from . import sshsig
from .signers import Enrolled, Signer, enrolled, fingerprint, key_words

SIGN_NAMESPACE = "c10-manifest@operator-tool"
ORDER_NAMESPACE = "c10-order@operator-tool"
VERIFY_S = 5.0
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def signers_enrolled(layout: Layout) -> bool:
    """Tell whether this companion takes only what is signed; raises ``signers`` where that can't be told."""
    return enrolled(layout) is not None


def check_signature(layout: Layout, data: bytes, signature: Optional[str], namespace: str) -> str:
    """Return the principal that signed these bytes, empty where no signer is enrolled and nothing is judged.

    Raises ``signature`` or ``signers``.
    """
    found = enrolled(layout)
    return "" if found is None else signer_of(found, data, signature, namespace).principal


def check_order(call: Call, layout: Layout, verb: str, fields: Dict[str, object]) -> str:
    """Return who ordered ``verb`` with these very parameters, empty where no signer is enrolled.

    The request brings ``order``, a text, and ``order_signature``. Raises ``signature`` or ``signers``.
    """
    found = enrolled(layout)
    return "" if found is None else orderer(call, layout, found, verb, fields).principal


def orderer(call: Call, layout: Layout, found: Enrolled, verb: str, fields: Dict[str, object]) -> Signer:
    """Return the signer of the request's order; raises ``signature``."""
    if call.request.text_or_none("order") is None:
        raise AgentError("signature", "this companion takes orders from its signers alone, and this one is not signed")
    data = call.request.data("order")
    signer = signer_of(found, data, call.request.text_or_none("order_signature"), ORDER_NAMESPACE)
    wanted = {"verb": verb, "companion_id": own_id(layout), "nonce": call.nonce, **fields}
    try:
        said = parse_object(data)
    except ValueError as error:
        raise AgentError("signature", "the order that was signed can't be read: %s" % error) from None
    if set(said) != set(wanted):
        raise AgentError("signature", "the order that was signed must have exactly %s" % ", ".join(sorted(wanted)))
    # JSON's true is not its 1.
    others = [name for name in sorted(wanted) if json.dumps(said[name]) != json.dumps(wanted[name])]
    if others:
        raise AgentError("signature", "the order was signed for another %s" % ", ".join(others))
    return signer


def signer_of(found: Enrolled, data: bytes, signature: Optional[str], namespace: str) -> Signer:
    """Return which of the enrolled signers signed these bytes for this purpose; raises ``signature``."""
    if signature is None:
        raise AgentError("signature", "this companion takes only what its signers signed, and this is not signed")
    try:
        claim = sshsig.parse(signature)
    except ValueError as error:
        raise AgentError("signature", "the signature can't be read: %s" % error) from None
    who = fingerprint(claim.key)
    if claim.namespace != namespace.encode("ascii"):
        raise AgentError("signature", "it was signed for %s, not for %s" % (ascii(claim.namespace)[1:80], namespace))
    if claim.key in found.revoked:
        raise AgentError("signature", "the key %s was revoked on this companion" % who)
    mine = [one for one in found.signers if one.key == claim.key]
    if not mine:
        raise AgentError("signature", "the key %s is not enrolled on this companion" % who)
    fitting = [one for one in mine if one.namespaces is None or namespace in one.namespaces]
    if not fitting:
        raise AgentError("signature", "the key %s is enrolled, and not for %s" % (who, namespace))
    _verify(found, data, signature, namespace, fitting[0])
    return fitting[0]


def _verify(found: Enrolled, data: bytes, signature: str, namespace: str, signer: Signer) -> None:
    # It takes its time to import, and most companions enrol nobody.
    import subprocess

    program = shutil.which("ssh-keygen", path=_PATH)
    if program is None:
        raise AgentError(
            "signature", "no signature can be verified: there is no ssh-keygen here; install openssh-client"
        )
    revoked = "".join(key_words(key) + "\n" for key in sorted(found.revoked))
    fds: List[int] = []
    try:
        # What was read is what is verified with: nothing is opened by its name again.
        texts = (found.data, signature.encode("ascii"), revoked.encode("ascii"), data)
        fds += [_in_memory(text) for text in texts]
        allowed_at, signature_at, revoked_at = ("/proc/self/fd/%d" % fd for fd in fds[:3])
        argv = [program, "-Y", "verify", "-n", namespace, "-I", signer.principal, "-f", allowed_at, "-s", signature_at]
        ended = subprocess.run(  # noqa: S603 - OpenSSH's own, at a fixed path, with names that were checked
            [*argv, "-r", revoked_at] if found.revoked else argv,
            stdin=fds[3],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=fds[:3],
            timeout=VERIFY_S,
            cwd="/",
            env={"PATH": _PATH},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise AgentError("signature", "%s did not end within %g s" % (program, VERIFY_S)) from None
    except OSError as error:
        raise AgentError("signature", "no signature can be verified: %s" % error) from None
    finally:
        for fd in fds:
            os.close(fd)
    if ended.returncode != 0:
        said = ascii(ended.stdout[-200:].decode("utf-8", "replace").strip())
        who = fingerprint(signer.key)
        # It has one exit status for all that it meets, such as a login that the system has no entry for.
        raise AgentError(
            "signature", "the signature by %s is not one over these bytes: ssh-keygen says %s" % (who, said)
        )


def _in_memory(data: bytes) -> int:
    """Return a file that has no name, to be read from its beginning."""
    fd = os.memfd_create("c10", os.MFD_CLOEXEC)
    try:
        with open(fd, "wb", closefd=False) as file:
            file.write(data)
        os.lseek(fd, 0, os.SEEK_SET)
    except OSError:
        os.close(fd)
        raise
    return fd
