"""Signed caches through a real OpenSSH that locks the login to the gate, and the administrator's part in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from operator_tool.api import CompanionError, CompanionSession, NotReadyError
from tests.integration.test_gate_openssh import Gated, gated, session  # noqa: F401 - fixtures
from tests.support.c10_rig import build_cache, context_of, order_of, provisioner_of, supply_of

from .conftest import KeyFile

pytestmark = pytest.mark.real_parts


def test_a_gated_login_builds_what_its_key_signed_once_the_administrator_has_added_it(
    session: CompanionSession,  # noqa: F811 - the fixture
    gated: Gated,  # noqa: F811 - the fixture
    tmp_path: Path,
    key: Callable[..., KeyFile],
) -> None:
    """The gate makes nobody the first signer, and says the line; the second comes in through it, signed for."""
    one, two = key("one"), key("two")
    first = provisioner_of(gated.root, context_of(tmp_path), signing_key=str(one.path))
    offer = first.offered_signer(session, "anna")
    assert offer.enrolled == ()
    with pytest.raises(CompanionError, match="refused: through the gate nobody becomes the first signer") as caught:
        first.enrol_signer(session, offer)
    line = caught.value.message.partition("allowed_signers: ")[2]
    assert line.startswith("anna namespaces=")
    assert line.endswith(one.words)
    # The administrator's part: it is the same for /etc/c10, which this machine's tests leave alone.
    allowed = gated.root / "allowed_signers"
    allowed.write_text(f"{line}\n")
    allowed.chmod(0o644)
    with pytest.raises(NotReadyError, match=r"set c10\.signing_key"):
        provisioner_of(gated.root, context_of(tmp_path)).prepare(session, order_of(5))
    _summary, report = build_cache(session, gated.root, supply_of(5), signing_key=str(one.path))
    assert report.tiles == 5
    second = provisioner_of(gated.root, context_of(tmp_path), signing_key=str(two.path))
    done = second.enrol_signer(session, second.offered_signer(session, "bo"), signed_by=str(one.path))
    assert [each.principal for each in done.enrolled] == ["anna", "bo"]
    build_cache(session, gated.root, supply_of(5, first_seed=50), lat_deg=50.0, signing_key=str(two.path))
