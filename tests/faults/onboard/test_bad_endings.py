"""How the build on the companion may end badly, and what the operator then sees of it (cases 79 to 81, 101 to 111)."""

from __future__ import annotations

import pytest

from operator_tool_plugins.provisioners.c10.wire import PROTOCOL
from tests.support.onboard_trial import OnboardTrial, Play

DONE = """
request = ask()
order = json.loads(request["manifest"])
say({"event": "made", "files": [{"path": "tiles.mbtiles", "sha256": "0" * 64, "bytes": 1}]})
sys.stdin.buffer.readline(), sys.stdin.buffer.readline()
name = "%08d-%s" % (order["seq"], order["content_key"][:12])
say({"event": "ready", "generation": name})
good = {"report": verb, "run_id": request["run_id"], "ok": True, "generation": name, "previous_generation": None,
        "seq": order["seq"], "tiles": order["tiles"], "bytes": order["bytes"], "tiles_digest": order["tiles_digest"],
        "files": 1, "signer": "", "tidied": {}, "last": True}
"""
"""What plays a whole build, of which nothing is true; ``good`` is the report that would be believed."""


def assert_old_cache(trial: OnboardTrial, played: Play, *endings: tuple[str, str], retryable: bool = True) -> None:
    """Assert that each script ends in 21 with these words, and that the build is made once nothing is played.

    Whether the switch had been ordered is said where it was.
    """
    for script, words in endings:
        report = trial.assert_fails(trial.run(python=played("build", script)), 21, "build", words, retryable=retryable)
        ordered = report["remediation"].startswith("The switch had been ordered, and may have been made")
        assert ordered is script.startswith(DONE), report["remediation"]
    trial.assert_done_again()


def test_case_080_killed(trial: OnboardTrial, played: Play) -> None:
    """No exit status is no success, whatever was reported before."""
    killed = "os.kill(os.getpid(), 9)"
    says = "ended without exit status (killed?)"
    assert_old_cache(trial, played, (f"ask(); {killed}", says), (f"{DONE}say(good); {killed}", says))


def test_case_081_a_status_beyond_255(trial: OnboardTrial, played: Play) -> None:
    """300 arrives as 44, and 127 in the midst of a build is not taken for a missing program."""
    assert_old_cache(trial, played, ("ask(); sys.exit(300)", "exit 44"), ("ask(); sys.exit(127)", "build, exit 127"))


def test_case_101_no_report(trial: OnboardTrial, played: Play) -> None:
    """Exit 0 alone is no success."""
    assert_old_cache(trial, played, ("ask(); say({'event': 'heartbeat'})", "not a report"))


def test_case_102_something_follows_the_report(trial: OnboardTrial, played: Play) -> None:
    """There is no search backwards; the last lines are shown, with their controls escaped."""
    osc = "say(good); say(b'bye \\x1b]52;c;aGk=\\x07\\n')"
    assert_old_cache(
        trial, played, (DONE + osc, "bye \\x1b]52;c;aGk=\\x07"), (DONE + "say(good); say(b'\\n')", "not the last line")
    )


def test_case_103_what_two_parsers_could_read_differently(trial: OnboardTrial, played: Play) -> None:
    """Two reports are none, and neither is one with a key that stands twice."""
    twice = "say(json.dumps(good)[:-1].encode() + b', \"seq\": 1}\\n')"
    assert_old_cache(
        trial,
        played,
        (DONE + "say(good); say(good)", "two reports"),
        (DONE + twice, "a key stands twice"),
    )


def test_case_105_a_field_that_is_not_as_it_must_be(trial: OnboardTrial, played: Play) -> None:
    """The field is named, by its path."""
    assert_old_cache(
        trial,
        played,
        (DONE + "del good['tiles_digest']; say(good)", "missing required field `tiles_digest`"),
        (DONE + "good['seq'] = 10**30; say(good)", "$.seq"),
    )


def test_case_106_the_worse_wins(trial: OnboardTrial, played: Play) -> None:
    """Success with exit 3, and failure with exit 0, are failure."""
    assert_old_cache(
        trial,
        played,
        (DONE + "say(good); sys.exit(3)", "reported success and yet ended with exit 3"),
        (
            DONE + "say({**good, 'ok': False, 'error': {'code': 'c', 'message': 'm'}})",
            "c: m (and yet it ended with exit 0)",
        ),
    )


def test_case_107_a_report_of_another_run(trial: OnboardTrial, played: Play) -> None:
    """A stale report, or one that a line of a log imitates, is none."""
    assert_old_cache(trial, played, (DONE + "good['run_id'] = 'r2'; say(good)", "run_id is 'r2'"))


def test_case_108_a_report_that_is_cut(trial: OnboardTrial, played: Play) -> None:
    """What is told is the end that cut it, not the JSON."""
    script = DONE + "os.write(1, json.dumps(good)[:-9].encode()); os.kill(os.getpid(), 9)"
    assert_old_cache(trial, played, (script, "ended without exit status (killed?)"))


def test_case_109_utf_16_is_no_report(trial: OnboardTrial, played: Play) -> None:
    """The protocol is UTF-8."""
    script = DONE + "os.write(1, json.dumps(good).encode('utf-16'))"
    assert_old_cache(trial, played, (script, "not a report"))


def test_case_110_a_report_that_is_too_long(trial: OnboardTrial, played: Play) -> None:
    """More than 1 MiB is not read, and the next attempt would be no better."""
    script = DONE + "good['padding'] = 'x' * 2**20; say(good)"
    assert_old_cache(trial, played, (script, "a line of more than 1,048,576 bytes"), retryable=False)


def test_case_104_a_newer_protocol(trial: OnboardTrial, played: Play) -> None:
    """Both numbers are told, and what makes them equal."""
    script = "request = ask(9); say({'report': verb, 'run_id': request['run_id'], 'ok': True})"
    report = trial.assert_fails(
        trial.run(python=played("build", script)), 21, "build", "protocol 9", f"speaks {PROTOCOL}", retryable=True
    )
    assert "companion install" in report["remediation"]
    trial.assert_done_again()


def test_case_079_the_companion_s_own_failure(trial: OnboardTrial, played: Play) -> None:
    """Its own code and words, whatever they are made of; and nothing that it could see of us is in them."""
    script = """
request = ask()
seen = ascii(dict(os.environ)) + ascii(request)
say({"report": verb, "run_id": request["run_id"], "ok": False,
     "error": {"code": "x7", "message": "the oven is cold \\x1b[2J" + seen}})
sys.exit(1)
"""
    ended = trial.run("-v", python=played("build", script))
    trial.assert_fails(ended, 21, "build", "x7: the oven is cold \\x1b[2J", retryable=True)
    trial.assert_done_again()


@pytest.mark.parametrize("name", ["nowhere", "player"])
def test_case_081_what_is_not_installed_or_not_executable(trial: OnboardTrial, played: Play, name: str) -> None:
    """The companion is not what it must be, before anything is sent; the setting that names its Python is told."""
    python = played("build", "").with_name(name)
    if name == "player":
        python.chmod(0o644)
    report = trial.assert_fails(trial.run(python=python), 30, "companion", "not executable", retryable=False)
    assert "c10.python" in report["remediation"]
    trial.assert_done_again(sent_bytes=trial.onboard.bytes)


def test_case_111_counts_and_hashes_that_are_not_ours(trial: OnboardTrial, played: Play) -> None:
    """23: what the companion says that it holds is not what was sent."""
    for name, value in {"tiles": 1, "tiles_digest": "0" * 64, "files": 2}.items():
        script = f"{DONE}say({{**good, {name!r}: {value!r}}})"
        trial.assert_fails(trial.run(python=played("build", script)), 23, "verify", name, retryable=True)
    trial.assert_done_again()


CHANGED_LINES = """
child = subprocess.Popen(real, stdin=0, stdout=subprocess.PIPE)
for line in child.stdout:
    os.write(1, change(line) if b'"report":"build"' in line else line)
sys.exit(child.wait())
"""


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("b'\\xef\\xbb\\xbf' + line.rstrip() + b'\\r\\n'", id="109-mark-and-carriage-return"),
        pytest.param("line.rstrip()", id="109-no-line-end"),
        pytest.param('line.rstrip()[:-1] + b\',"novelty":{"a":[1]}}\\n\'', id="104-unknown-field"),
    ],
)
def test_cases_104_and_109_what_is_let_be(trial: OnboardTrial, played: Play, change: str) -> None:
    """Line ends, a byte order mark, and fields of a later version don't spoil a build that was made."""
    ended = trial.run(python=played("serve", f"change = lambda line: {change}\n{CHANGED_LINES}"))
    assert ended.code == 0, ended.all
    trial.assert_built()
    trial.assert_done_again(outcome="idempotent_no_op")


def test_case_110_markup_and_formats_are_printed_as_they_are(trial: OnboardTrial, played: Play) -> None:
    """To a person, too: nothing is taken for a style, a format or a control."""
    odd = "{0.__class__} %s %(x)d [red]x[/red] $HOME `id`"
    script = f"""
request = ask()
say({{"report": verb, "run_id": request["run_id"], "ok": False, "error": {{"code": "[b]", "message": {odd!r}}}}})
sys.exit(1)
"""
    ended = trial.run(python=played("build", script), as_json=False)
    assert ended.code == 21
    assert f"[b]: {odd}" in " ".join(ended.all.split())
    trial.assert_untouched()
