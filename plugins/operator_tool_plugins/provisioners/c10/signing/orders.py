"""Orders: what is asked of a companion beside a build, signed where it takes orders from its signers alone."""

from __future__ import annotations

import msgspec

from . import ORDER_NAMESPACE, Signer


def signed_order(
    signer: Signer, verb: str, *, companion_id: str, nonce: str, **fields: str | int | bool | None
) -> dict[str, object]:
    """Return the request's fields that carry the order: for this verb with these parameters, on this companion, in
    this session of its agent alone. Raises ``ConfigError`` where the key can't sign."""
    data = msgspec.json.encode({"verb": verb, "companion_id": companion_id, "nonce": nonce, **fields})
    return {"order": data.decode(), "order_signature": signer.sign(data, ORDER_NAMESPACE)}
