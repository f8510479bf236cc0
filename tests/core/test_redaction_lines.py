"""What the redactor does with lines, streams and values; cases 113 to 116 and the second half of 121."""

from __future__ import annotations

import json
import threading

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_tool.api import Secret
from operator_tool.redaction import LINE_WITHHELD, Redactor
from tests.core.redaction_oracle import leaks

KEY = "k3y-With/Signs+42"


def redactor_of(*secrets: str) -> Redactor:
    """Return a redactor that knows these secrets."""
    redactor = Redactor()
    for secret in secrets:
        redactor.add(Secret(secret))
    return redactor


def test_without_secrets_nothing_is_touched() -> None:
    """A redactor that knows nothing returns the very same object."""
    text = "GET /1/2/3\nkey=abc"
    value = {"a": [text]}
    redactor = Redactor()
    assert redactor.line(text) is text
    assert redactor.text(text) is text
    assert redactor.value(value) is value


@pytest.mark.parametrize("at", range(1, len(KEY)))
def test_case_113_a_key_split_over_two_lines_withholds_both(at: int) -> None:
    """Wherever a key is split, both lines are withheld and the others stay."""
    shown = redactor_of(KEY).text(f"one\nkey={KEY[:at]}\n{KEY[at:]} end\nfour")
    assert shown.split("\n") == ["one", LINE_WITHHELD, LINE_WITHHELD, "four"]


def test_case_113_a_key_split_over_many_lines_withholds_them_all() -> None:
    """A key printed four characters a line is withheld whole, and so is nothing before or after it."""
    parts = [KEY[at : at + 4] for at in range(0, len(KEY), 4)]
    shown = redactor_of(KEY).text("\n".join(["before", *parts, "after"])).split("\n")
    assert shown == ["before", *[LINE_WITHHELD] * len(parts), "after"]


def test_case_113_a_covered_key_does_not_withhold_its_neighbours() -> None:
    """A key that is whole on its line is covered there; the lines around it stay."""
    assert redactor_of(KEY).text(f"a\nkey={KEY}\nb") == "a\nkey=***\nb"


@given(st.data())
def test_case_113_a_stream_shows_the_same_as_the_whole_text(data: st.DataObject) -> None:
    """Lines that come one by one lose the same secrets as the text does, in order, and none is lost or doubled."""
    words = st.sampled_from(["one", "two", KEY, KEY[:6], KEY[6:], KEY[:12], KEY[12:], "x" + KEY[:9], KEY[9:] + "y"])
    lines = data.draw(st.lists(words, max_size=8))
    redactor = redactor_of(KEY)
    stream = redactor.stream()
    shown = [line for fed in lines for line in stream.feed(fed)] + stream.close()
    assert shown == (redactor.text("\n".join(lines)).split("\n") if lines else [])


def test_case_113_a_stream_holds_a_line_back_only_where_a_key_may_begin() -> None:
    """An ordinary line goes out at once; one that ends like a key's beginning waits for the next."""
    stream = redactor_of(KEY).stream()
    assert stream.feed("ordinary") == ["ordinary"]
    assert stream.feed(f"tail {KEY[:5]}") == []
    assert stream.feed("no key") == [f"tail {KEY[:5]}", "no key"]
    assert stream.feed(f"tail {KEY[:5]}") == []
    assert stream.feed(KEY[5:]) == [LINE_WITHHELD, LINE_WITHHELD]
    assert stream.close() == []


def test_case_113_a_stream_withholds_the_second_half_of_what_it_could_not_know() -> None:
    """Where the first half went out in an encoding that none can foresee, the second half does not."""
    redactor = redactor_of(KEY)
    encoded = "".join(f"%{byte:02x}" for byte in KEY.encode())
    stream = redactor.stream()
    first = stream.feed(encoded[:24])
    assert not leaks("\n".join([*first, *stream.feed(encoded[24:])]), KEY)


def test_case_114_a_secret_inside_another_leaves_no_rest() -> None:
    """Where one secret is part of another, or overlaps it, the cover spans both."""
    redactor = redactor_of("hunter2hunter2", "hunter2hunter2-LONGER-SECRET", "SECRET-tail")
    assert redactor.line("a hunter2hunter2-LONGER-SECRET-tail b") == "a *** b"
    assert redactor.line("a hunter2hunter2 b hunter2hunter2-LONGER-SECRET c") == "a *** b *** c"
    assert redactor_of("abababab").line("x abababababab y") == "x *** y"


def test_case_115_a_short_secret_is_not_taken() -> None:
    """A secret that is too short to be told from text is refused, and text stays legible."""
    redactor = Redactor()
    with pytest.raises(ValueError, match="at least 8"):
        redactor.add(Secret("ok"))
    assert redactor.line("token") == "token"


class _Report(msgspec.Struct, frozen=True):
    outcome: str
    tail: list[str]
    counts: dict[str, int]


def test_case_116_a_report_is_parsed_raw_and_redacted_on_its_way_out() -> None:
    """A key whose cover would break the JSON is still parsed, and is covered in what is shown of the report."""
    key = '{"outcome":"failure"'
    raw = json.dumps({"outcome": "success", "tail": [f"k {key}", KEY], "counts": {KEY: 3}}).encode()
    redactor = redactor_of(key, KEY)
    report = msgspec.json.decode(raw, type=_Report)
    assert report.tail == [f"k {key}", KEY]
    shown = redactor.value(msgspec.to_builtins(report))
    assert shown == {"outcome": "success", "tail": ["k ***", "***"], "counts": {"***": 3}}


def test_case_116_redacting_the_raw_bytes_first_would_lose_the_report() -> None:
    """The other order fails: this is why the report is parsed first."""
    key = '"outcome": "success"'
    raw = json.dumps({"outcome": "success", "tail": [], "counts": {}})
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(redactor_of(key).text(raw).encode(), type=_Report)


def test_a_value_keeps_its_shape_and_numbers() -> None:
    """Numbers, booleans and nothing stay; tuples become lists; a Secret and other objects are shown as text."""
    redactor = redactor_of(KEY)
    value = {"n": 1, "f": 0.5, "b": True, "none": None, "t": (KEY, "x"), "s": Secret(KEY), "o": Exception(KEY)}
    assert redactor.value(value) == {
        "n": 1,
        "f": 0.5,
        "b": True,
        "none": None,
        "t": ["***", "x"],
        "s": "***",
        "o": "***",
    }


def test_case_121_a_rotated_token_and_the_old_one_are_both_covered() -> None:
    """A token that is added later does not replace the earlier one."""
    redactor = redactor_of("old-token-123456")
    redactor.add(Secret("new-token-654321"))
    redactor.add(Secret("new-token-654321"))
    assert redactor.line("old-token-123456 then new-token-654321") == "*** then ***"


def test_secrets_may_be_added_while_others_redact() -> None:
    """Threads that add and threads that redact don't disturb each other."""
    redactor = redactor_of(KEY)
    failures: list[str] = []

    def redact() -> None:
        shown = {redactor.line(f"key={KEY}") for _ in range(300)}
        failures.extend(shown - {"key=***"})

    threads = [threading.Thread(target=redact) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(30):
        redactor.add(Secret(f"another-secret-{number:04d}"))
    for thread in threads:
        thread.join(60)
    assert not failures
    assert redactor.line("another-secret-0029 another-secret-0000") == "*** ***"


def test_each_line_of_a_key_of_many_lines_is_covered() -> None:
    """A private key shows none of its lines, even one alone."""
    key = "-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA7v3x\nq9K0hZ2mWw8s5t1RrYbN\n-----END KEY-----"
    redactor = redactor_of(key)
    assert redactor.line("got q9K0hZ2mWw8s5t1RrYbN") == "got ***"
    assert not leaks(redactor.text(f"key:\n{key}\nend"), key)
