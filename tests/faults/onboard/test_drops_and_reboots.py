"""The link drops, or the companion restarts, while it builds (cases 82 to 84)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.onboard_trial import Onboard, OnboardTrial
from tests.support.real_parts import RealSshd, real_sshd

pytestmark = pytest.mark.real_parts
Change = Callable[[str], Path]

AT_EVENT = """
from c10_agent import wire
real_event = wire.Outlet.event
def event(self, name, **fields):
    if name == {name!r} and {when}:
        {act}
    real_event(self, name, **fields)
wire.Outlet.event = event
"""
AT_REPORT = """
from c10_agent import wire
real_report = wire.Outlet.report
def report(self, verb, ok, fields):
    if verb == "build" and {when}:
        {act}
    real_report(self, verb, ok, fields)
wire.Outlet.report = report
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealSshd]:
    """A real OpenSSH server of this machine."""
    with real_sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture(params=["openssh", pytest.param("ssh", marks=pytest.mark.nightly)])
def far(request: pytest.FixtureRequest, onboard: Onboard, server: RealSshd, tmp_path: Path) -> OnboardTrial:
    """An operator whose companion is reached over SSH."""
    options = {
        name: str(value).lower() if isinstance(value, bool) else value for name, value in server.options().items()
    }
    words = [word for name, value in options.items() for word in ("-o", f"{request.param}.{name}={value}")]
    return onboard.trial(tmp_path / "operator", "--transport", request.param, *words)


def test_case_082_a_drop_before_the_commit(far: OnboardTrial, changed: Change) -> None:
    """The same run connects again and builds; what was received is not sent again."""
    ended = far.run(python=changed(AT_EVENT.format(name="made", when="once()", act="drop_the_link()")))
    assert ended.code == 0, ended.all
    assert (ended.report["companion"]["reconnects"], ended.report["companion"]["recovered"]) == (1, False)
    assert ended.report["bytes"]["sent"] == far.onboard.bytes
    far.assert_built()
    far.assert_done_again(outcome="idempotent_no_op")


@pytest.mark.nightly
def test_case_082_a_link_that_drops_before_every_commit(far: OnboardTrial, changed: Change) -> None:
    """It is given up: 21, what was received is kept, and the rerun sends nothing."""
    ended = far.run(python=changed(AT_EVENT.format(name="made", when="True", act="drop_the_link()")))
    far.assert_fails(ended, 21, "build", retryable=True)
    far.assert_done_again()


@pytest.mark.parametrize("cut", ["", 'os.write(self._fd, b\'{"report":"build","run_id":\'); '])
def test_cases_083_and_108_a_drop_in_place_of_the_report(far: OnboardTrial, changed: Change, cut: str) -> None:
    """The companion is asked, says that this run's cache is current, and that is success; not a word of JSON."""
    ended = far.run(python=changed(AT_REPORT.format(when="once()", act=f"{cut}drop_the_link()")))
    assert ended.code == 0, ended.all
    assert ended.report["companion"]["recovered"]
    assert "JSON" not in ended.all
    far.assert_built()
    far.assert_done_again(outcome="idempotent_no_op")


def test_case_083_a_drop_after_the_commit_that_was_not_followed(far: OnboardTrial, changed: Change) -> None:
    """Every time that the switch is ordered the agent dies before it: 21, after having looked what is current."""
    change = (
        'def end():\n    drop_the_link()\n    os.kill(os.getpid(), 9)\nbefore("building.publish", "switch_to", end)\n'
    )
    ended = far.run(python=changed(change))
    far.assert_fails(ended, 21, "build", retryable=True)
    far.assert_done_again()


REBOOTS = """
boot_file = {boot!r}
from c10_agent import layout
layout.boot_id = lambda: open(boot_file).read()
def reboot():
    open(boot_file, "w").write("another boot")
    {damage}
    drop_the_link()
    os.kill(os.getpid(), 9)
"""
TEAR = """
    import glob
    database = glob.glob({root!r} + "/generations/00000002-*/tiles.mbtiles")[0]
    os.chmod(database, 0o644)
    data = bytearray(open(database, "rb").read())
    at = data.index({picture!r})
    data[at + 1] ^= 1
    open(database, "wb").write(data)
"""


@pytest.mark.parametrize("torn", [False, True], ids=["whole", "torn"])
def test_case_084_a_reboot_in_the_middle_of_a_build(
    far: OnboardTrial, changed: Change, tmp_path: Path, torn: bool
) -> None:
    """Whole, the same run builds it from what is there; torn, that is found, and the rerun sends that picture alone."""
    boot = tmp_path / "boot_id"
    boot.write_text(str(uuid.uuid4()))
    picture = max(far.onboard.tiles.values())
    comment = picture[picture.index(b"\xff\xfe") + 4 :][:20]
    damage = TEAR.format(root=str(far.root), picture=comment) if torn else ""
    change = REBOOTS.format(boot=str(boot), damage=damage.strip())
    change += AT_EVENT.format(name="ready", when="once()", act="reboot()")
    ended = far.run(python=changed(change))
    assert boot.read_text() == "another boot"
    if torn:
        far.assert_fails(ended, 23, "verify", retryable=True)
        far.assert_done_again(sent_bytes=len(picture))
    else:
        assert ended.code == 0, ended.all
        assert (ended.report["companion"]["reconnects"], ended.report["companion"]["recovered"]) == (1, False)
        far.assert_built()
