"""``build``: take an order, make the generation of what was received, and have it published."""

from __future__ import annotations

import os
from typing import Dict

from ..call import Call
from ..failpoints import failpoint
from ..faults import AgentError
from ..generations.manifest import Manifest, parse_manifest
from ..generations.origin import refuse_to_replace_another
from ..generations.state import highest_seq
from ..ground import check_ground
from ..guard import BuildLock, patience_of
from ..identity import own_id
from ..layout import MAX_SEQ, Layout
from ..receiving.staging import take_back
from ..signing.signature import SIGN_NAMESPACE, check_signature, signers_enrolled
from . import attempts
from .made import make
from .publish import publish

MAX_SEQ_STEP = 1000
"""One build can't use up the numbers of all that follow."""


def run(call: Call) -> Dict[str, object]:
    """Make what was received the current generation; raises ``verify`` when it is not what the order says."""
    request = call.request
    layout = Layout(request.text("root"))
    order_bytes = request.data("manifest")
    signer = check_signature(layout, order_bytes, request.text_or_none("signature"), SIGN_NAMESPACE)
    order = parse_manifest(order_bytes)
    _check_order(call, layout, order)
    check_ground(call, layout)
    call.vehicle.begin(layout)
    if not os.path.isdir(layout.stagings):
        raise AgentError("staging", "nothing was received under %s" % layout.root)
    note: Dict[str, object] = {"operator": request.text("operator", ""), "run_id": order.run_id, "pid": os.getpid()}
    with BuildLock(layout).acquire(patience_of(call, 5.0), note) as lock:
        call.vehicle.look()
        attempts.begin(layout, order.run_id)
        if not take_back(layout, order.content_key):
            raise AgentError("staging", "nothing was received for this cache")
        refuse_to_replace_another(layout, request.text_or_none("replaces"), order.run_id)
        taken = highest_seq(layout)
        if not taken < order.seq <= min(taken + MAX_SEQ_STEP, MAX_SEQ):
            raise AgentError("seq", "seq %d does not follow %d: another build came between" % (order.seq, taken))
        failpoint("build.after_take_back")
        made = make(call, layout, order, order_bytes)
        report = publish(call, layout, lock, order_bytes, made, signer)
        attempts.end(layout)
        return report


def _check_order(call: Call, layout: Layout, order: Manifest) -> None:
    """Raise where the order is another build's, another companion's, or was not signed for this very process."""
    if order.content_key != call.request.content_key() or order.run_id != call.request.text("run_id"):
        raise AgentError("request", "the manifest is another build's")
    if order.companion_id != own_id(layout):
        raise AgentError(
            "identity", "the manifest is for companion %s, this is %s" % (order.companion_id, own_id(layout))
        )
    if order.files:
        raise AgentError("request", "the order names files that are still to be made")
    if signers_enrolled(layout) and order.nonce != call.nonce:
        raise AgentError("nonce", "the order was signed for another session of the agent: ask hello again")
