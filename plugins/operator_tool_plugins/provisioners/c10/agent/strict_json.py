"""JSON that two readers can't understand differently: the one way in which the agent reads what it relies on."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Tuple


def parse_object(data: bytes) -> Dict[str, Any]:
    """Return the object that bytes in UTF-8 are.

    Raises ``ValueError`` for anything else, also where a key stands twice, and for NaN.
    """
    try:
        said = json.loads(data.decode("utf-8"), object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(said, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004 - all flaws are one kind
    return said


def _no_duplicates(pairs: List[Tuple[str, object]]) -> Dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key stands twice")
    return fields


def _no_constant(name: str) -> object:
    raise ValueError("%s is not JSON" % name)
