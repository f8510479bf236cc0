"""The nouns that both sides of the contract speak in."""

from __future__ import annotations

import hashlib
import inspect
import pickle
import re

import msgspec
import pytest

from operator_tool import api
from operator_tool.api import (
    AreaRequest,
    CacheInputs,
    Deadline,
    PictureFormat,
    ProviderKey,
    Secret,
    TakeoffOrigin,
    errors,
    sniff_picture_format,
    tiles_digest,
)

INPUTS = CacheInputs(
    route=((47.1, 8.2, 100.0), (47.2, 8.3, None)),
    takeoff_origin=TakeoffOrigin(lat_deg=47.1, lon_deg=8.2, alt_m=100.0),
    area=AreaRequest(metres=500.0),
    zooms=(15, 16),
    providers=(ProviderKey(name="xyz", dataset="d"),),
    allow_gaps=0,
)


def test_the_drawn_tree_of_errors_is_the_tree() -> None:
    """Each class stands in the module's docstring under its base, with its exit code."""
    drawn = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"    ([│ ├└─]*)(\w+Error)\s+(\d+)", line):
            depth = len(match[1]) // 4
            above[depth:] = [match[2]]
            drawn[match[2]] = (above[depth - 1] if depth else "Exception", int(match[3]))
    found = {
        name: (value.__bases__[0].__name__, value.exit_code)
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, errors.OperatorToolError)
    }
    assert drawn == found


def test_every_error_but_the_base_has_a_hint() -> None:
    """A failure says what to do next."""
    for name, value in vars(errors).items():
        if inspect.isclass(value) and issubclass(value, errors.OperatorToolError) and name != "OperatorToolError":
            assert value.default_hint, name


def test_the_secret_never_prints() -> None:
    """Neither by repr, str, format, an f-string nor by encoding or pickling."""
    secret = Secret("canary-4711")
    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>20}", repr({"k": [secret]}), "%s %r" % (secret, secret)]  # noqa: UP031 - a logging call formats so
    assert not [text for text in shown if "canary" in text]
    assert secret.reveal() == "canary-4711"
    assert secret == Secret("canary-4711")
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        msgspec.json.encode({"key": secret})


@pytest.mark.parametrize(
    "changed",
    [
        msgspec.structs.replace(INPUTS, takeoff_origin=TakeoffOrigin(lat_deg=47.1 + 1e-8, lon_deg=8.2, alt_m=100.0)),
        msgspec.structs.replace(INPUTS, route=((47.1, 8.2, 100.001), (47.2, 8.3, None))),
        msgspec.structs.replace(INPUTS, area=AreaRequest(metres=501.0)),
        msgspec.structs.replace(INPUTS, area=AreaRequest(metres=500.0, footprint_m=1.0)),
        msgspec.structs.replace(INPUTS, area=AreaRequest(metres=500.0, within_fence=False)),
        msgspec.structs.replace(INPUTS, ground="another"),
        msgspec.structs.replace(INPUTS, zooms=(15,)),
        msgspec.structs.replace(INPUTS, providers=(ProviderKey(name="xyz", dataset="e"),)),
        msgspec.structs.replace(INPUTS, allow_gaps=1),
    ],
)
def test_every_input_decides_the_content_key(changed: CacheInputs) -> None:
    """A millimetre is another cache."""
    assert changed.content_key != INPUTS.content_key


def test_case_138_the_content_key_is_of_the_inputs_alone() -> None:
    """It is the same in another process and on another day: a fixed value for fixed inputs."""
    again = msgspec.json.decode(msgspec.json.encode(INPUTS), type=CacheInputs)
    assert again.content_key == INPUTS.content_key
    assert INPUTS.content_key == "45354cd3a791755aac65f0d1fe1c71751ca8c3c356c279ed09af2766ef22fed3"


def test_the_tables_digest_is_over_fixed_rows() -> None:
    """Three 32-bit integers, big-endian, and the picture's SHA-256."""
    sha256 = hashlib.sha256(b"x").digest()
    expected = hashlib.sha256(bytes.fromhex("0000000f0000000100000002") + sha256).hexdigest()
    assert tiles_digest(iter([(15, 1, 2, sha256)])) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\xff\xd8\xff\xe0", PictureFormat.JPEG),
        (b"\x89PNG\r\n\x1a\n", PictureFormat.PNG),
        (b"RIFF\x10\0\0\0WEBPVP8 ", PictureFormat.WEBP),
        (b"<html>", None),
        (b"", None),
        (b"RIFF\x10\0\0\0WAVE", None),
        (b"\x89PNG\n", None),
    ],
)
def test_a_pictures_format_is_told_by_its_first_bytes(data: bytes, expected: PictureFormat | None) -> None:
    """Whatever its name or its content type says."""
    assert sniff_picture_format(data) is expected


def test_a_deadline_passes() -> None:
    """And one that never does, never does."""
    assert Deadline.after(-1).passed
    assert Deadline.after(-1).remaining_s() == 0.0
    assert not Deadline.after(60).passed
    assert Deadline.after(60).remaining_s(5.0) == 5.0
    assert Deadline.never().remaining_s(7.0) == 7.0
    assert not Deadline.never().passed


def test_tiles_sort_by_zoom_column_and_row() -> None:
    """So that a list of them has one order."""
    assert sorted([api.TileId(2, 0, 1), api.TileId(1, 1, 1), api.TileId(2, 0, 0)])[0] == api.TileId(1, 1, 1)
