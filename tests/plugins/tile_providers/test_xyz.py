"""The provider ``xyz`` against a real server that answers as scripted."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import msgspec
import pytest

from operator_tool.api import (
    Absent,
    ConfigError,
    DownloadError,
    Failed,
    NotModified,
    RunContext,
    Secret,
    Tile,
    TileId,
    TileProvider,
    TileResult,
    TryAgainError,
    WantedTile,
)
from operator_tool_plugins.tile_providers import xyz
from operator_tool_plugins.tile_providers._http.retry_after import retry_after_s
from tests.support.tile_server import JPEG, Answer, Asked, TileServer, tile_server

KEY = "canary-key-7f3a/&="
Script = Callable[[Asked], Answer]


@pytest.fixture
def server() -> Iterator[TileServer]:
    with tile_server() as running:
        yield running


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries wait by the pool's clock; here they don't wait at all."""
    monkeypatch.setattr("operator_tool.api.tile_pool._Pace.sleep", lambda self, seconds: self._check())


def provider(url: str, folder: Path = Path("unused"), **settings: Any) -> xyz.XyzProvider:
    context = RunContext(run_id="r", state_dir=folder, user_agent="operator-tool/test")
    return xyz.make_tile_provider(xyz.XyzSettings(url=url, **settings), context)


def wanted(*numbers: int, etag: str | None = None) -> Iterator[WantedTile]:
    return iter([WantedTile(TileId(10, number, 7), etag) for number in numbers])


def fetch(url: str, tiles: Iterable[WantedTile] | None = None, **settings: Any) -> list[TileResult]:
    return list(provider(url, **settings).fetch(iter(tiles) if tiles is not None else wanted(1)))


def fetch_one(server: TileServer, answer: Answer, *, etag: str | None = None, **settings: Any) -> TileResult:
    server.script = lambda _asked: answer
    (result,) = fetch(server.template, wanted(1, etag=etag), **settings)
    return result


def test_it_is_a_tile_provider_by_the_hooks() -> None:
    """The door gives settings and a provider that meets the Protocol."""
    assert xyz.plugin_settings() is xyz.XyzSettings
    assert isinstance(provider("https://t.example/{z}/{x}/{y}"), TileProvider)


def test_tiles_come_with_their_bytes_and_etags_as_they_were_sent(server: TileServer) -> None:
    """Bytes and ETag byte for byte, also an odd one."""
    tile = fetch_one(server, Answer(headers={"ETag": 'W/"a b \xe9"'}))
    assert tile == Tile(TileId(10, 1, 7), JPEG, 'W/"a b \xe9"')


def test_every_wanted_tile_has_one_result_over_few_connections(server: TileServer) -> None:
    """Connections are kept alive: no more of them than threads."""
    server.script = lambda asked: Answer(body=JPEG + asked.path.encode())
    results = fetch(server.template, wanted(*range(200)), connections=4)
    assert sorted(result.id.x for result in results) == list(range(200))
    assert all(isinstance(r, Tile) and r.data == JPEG + f"/10/{r.id.x}/7.jpg".encode() for r in results)
    assert len({asked.connection for asked in server.asked}) <= 4


def test_the_stream_is_lazy_both_ways(server: TileServer) -> None:
    """It pulls no further ahead than it works, and stops asking when it is closed."""
    pulled = 0

    def endless() -> Iterator[WantedTile]:
        nonlocal pulled
        while True:
            pulled += 1
            yield WantedTile(TileId(20, pulled, 1))

    stream = provider(server.template, connections=2).fetch(endless())
    for _ in range(3):
        next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert pulled <= 3 + 4 + 1


def test_a_request_carries_what_it_should_and_no_more(server: TileServer) -> None:
    """User agent, no content encoding, the settings' headers; no cookies, no credentials."""
    fetch(server.template, headers={"Referer": "https://ops.example"})
    (asked,) = server.asked
    headers = {name: value for name, value in asked.headers.items() if name != "host"}
    assert headers == {
        "user-agent": "operator-tool/test",
        "accept": "*/*",
        "accept-encoding": "identity",
        "referer": "https://ops.example",
    }


@pytest.mark.parametrize(
    ("header", "name", "value"),
    [
        ("Authorization: Bearer", "authorization", f"Bearer {KEY}"),
        ("X-Api-Key", "x-api-key", KEY),
        ("X-Api-Key:", "x-api-key", KEY),
    ],
)
def test_the_key_goes_into_the_header_that_is_set(server: TileServer, header: str, name: str, value: str) -> None:
    """Bearer by default, another header by its name."""
    fetch(server.template, api_key=Secret(KEY), api_key_header=header)
    assert server.asked[0].headers[name] == value


def test_the_key_goes_into_the_url_where_the_template_says_so_and_not_into_a_header(server: TileServer) -> None:
    """Encoded, and once."""
    fetch(server.template + "?key={api_key}", api_key=Secret(KEY))
    (asked,) = server.asked
    assert asked.path == "/10/1/7.jpg?key=canary-key-7f3a%2F%26%3D"
    assert "authorization" not in asked.headers


def test_the_data_set_is_the_template_without_the_key() -> None:
    """It names the imagery and holds no secret; a setting overrides it."""
    template = "https://t.example/{z}/{x}/{y}?key={api_key}"
    assert provider(template, api_key=Secret(KEY)).describe().dataset == template
    info = provider(
        template, api_key=Secret(KEY), dataset="spring", min_zoom=3, max_zoom=18, tile_size=512, attribution="© E"
    ).describe()
    assert (info.dataset, info.min_zoom, info.max_zoom, info.tile_size_px) == ("spring", 3, 18, 512)
    assert (info.attribution, info.synthetic) == ("© E", False)


@pytest.mark.parametrize("status", [204, 404, 410])
def test_a_tile_that_the_server_does_not_have_is_absent(server: TileServer, status: int) -> None:
    """By its own word, so it is asked once."""
    assert fetch_one(server, Answer(status=status, body=b"")) == Absent(TileId(10, 1, 7), f"HTTP {status}")
    assert len(server.asked) == 1


def test_an_etag_is_sent_back_and_304_means_not_modified(server: TileServer) -> None:
    """Byte for byte; a 304 that was not asked for is no answer."""
    assert fetch_one(server, Answer(status=304), etag='W/"\xe9 1"') == NotModified(TileId(10, 1, 7))
    assert server.asked[0].headers["if-none-match"] == 'W/"\xe9 1"'
    assert isinstance(fetch_one(server, Answer(status=304)), Failed)
    assert isinstance(fetch_one(server, Answer(), etag='"old"'), Tile)


@pytest.mark.parametrize("etag", ["", "x" * 2_000])
def test_an_etag_that_is_none_is_not_kept(server: TileServer, etag: str) -> None:
    """The picture counts, the tag is left out."""
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nETag: %s\r\n\r\n%s" % (len(JPEG), etag.encode(), JPEG)
    assert fetch_one(server, Answer(raw=raw)) == Tile(TileId(10, 1, 7), JPEG, None)


@pytest.mark.parametrize(
    ("raw_length", "chunked"), [(b"Content-Length: 9000\r\n", False), (b"Transfer-Encoding: chunked\r\n", True)]
)
def test_case_031_032_a_tile_that_is_cut_short_is_asked_again_and_then_failed(
    server: TileServer, raw_length: bytes, chunked: bool
) -> None:
    """Half a picture is never given on."""
    body = b"2000\r\n" + JPEG if chunked else JPEG
    cut = Answer(raw=b"HTTP/1.1 200 OK\r\n" + raw_length + b"\r\n" + body)
    assert isinstance(fetch_one(server, cut), Failed)
    assert len(server.asked) == 4
    server.asked.clear()
    server.script = lambda _asked: cut if len(server.asked) < 3 else Answer()
    assert fetch(server.template) == [Tile(TileId(10, 1, 7), JPEG)]


def test_case_033_html_instead_of_a_picture_fails_the_tile_and_five_in_a_row_the_run(server: TileServer) -> None:
    """A page of a quota or captcha would be answered for every further tile too."""
    page = Answer(body=b"<!doctype html><title>quota</title>", headers={"Content-Type": "text/html; charset=utf-8"})
    server.script = lambda asked: page if int(asked.path.split("/")[2]) % 5 else Answer()
    results = fetch(server.template, wanted(*range(1, 21)), connections=1)
    assert [type(result) for result in results].count(Tile) == 4
    assert Failed(TileId(10, 1, 7), "HTML instead of a picture") in results
    server.script = lambda _asked: page
    server.asked.clear()
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1.*quota or a captcha page\?"):
        fetch(server.template, wanted(*range(50)), connections=1)
    assert len(server.asked) < 10


@pytest.mark.parametrize(
    ("body", "media_type"),
    [(b'{"error": "quota"}', "application/json"), (b"", "image/jpeg"), (b"GIF89a", "image/gif"), (b"\xff\xd8", "")],
)
def test_case_034_what_is_no_picture_by_its_first_bytes_is_failed(
    server: TileServer, body: bytes, media_type: str
) -> None:
    """Whatever the header says."""
    assert isinstance(fetch_one(server, Answer(body=body, headers={"Content-Type": media_type})), Failed)


def test_case_034_a_picture_with_a_wrong_content_type_is_a_picture(server: TileServer) -> None:
    """The first bytes decide."""
    assert isinstance(fetch_one(server, Answer(headers={"Content-Type": "application/octet-stream"})), Tile)


@pytest.mark.parametrize("status", [401, 403])
def test_case_041_a_refusal_ends_the_run_at_once_and_shows_no_key(server: TileServer, status: int) -> None:
    """It is not asked again, not retryable, and neither key nor query is in what is said."""
    server.script = lambda _asked: Answer(status=status, body=KEY.encode())
    with pytest.raises(DownloadError) as caught:
        fetch(server.template + "?key={api_key}", wanted(*range(1000)), api_key=Secret(KEY), connections=2)
    assert not caught.value.retryable
    assert len(server.asked) <= 6
    said = repr(caught.value) + caught.value.message + caught.value.hint
    assert str(status) in said
    assert "canary" not in said
    assert "?" not in caught.value.message


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_case_040_a_redirect_is_not_followed_and_only_the_host_is_named(server: TileServer, status: int) -> None:
    """Neither to another server, which sees nothing, nor is its address repeated."""
    with tile_server() as other:
        server.script = lambda _asked: Answer(status=status, headers={"Location": f"{other.url}/secret"})
        with pytest.raises(DownloadError, match=rf"127\.0\.0\.1:{server.port} redirects") as caught:
            fetch(server.template, api_key=Secret(KEY))
        assert other.asked == []
    assert "secret" not in caught.value.message
    assert not caught.value.retryable


@pytest.mark.parametrize("answer", [Answer(status=503), Answer(status=500), Answer(status=429), Answer(raw=b"")])
def test_case_038_what_may_pass_is_tried_again(server: TileServer, answer: Answer) -> None:
    """A burst of errors or resets costs tries, not the tile."""
    server.script = lambda _asked: answer if len(server.asked) <= 3 else Answer()
    assert fetch(server.template) == [Tile(TileId(10, 1, 7), JPEG)]
    assert len(server.asked) == 4


def test_case_038_a_server_that_is_gone_ends_the_run(server: TileServer) -> None:
    """Nothing listens: each tile fails, and after a while of nothing else the run ends, to be run again."""
    stream = provider("http://127.0.0.1:9/{z}/{x}/{y}", connections=1).fetch(wanted(*range(1000)))
    assert isinstance(next(stream), Failed)
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:9 .*in a row") as caught:
        list(stream)
    assert caught.value.retryable


def test_case_038_an_unknown_name_is_said_to_be_one() -> None:
    """A name that can't exist (RFC 6761) is not found, and the message says which."""
    (result,) = fetch("http://tiles.invalid/{z}/{x}/{y}")
    assert isinstance(result, Failed)
    assert "tiles.invalid" in result.reason


@pytest.mark.parametrize(
    ("value", "pause_s"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("-1", None),
        ("soon", None),
        ("9" * 5_000, None),
        ("1e3", None),
        ("", None),
        (None, None),
    ],
)
def test_case_037_retry_after_in_seconds(value: str | None, pause_s: float | None) -> None:
    """What makes no sense is as good as none."""
    assert retry_after_s(value) == pause_s


def test_case_037_retry_after_as_a_date() -> None:
    """A date ahead is the wait until then, one that has passed no wait."""
    assert retry_after_s(formatdate(time.time() + 60, usegmt=True)) == pytest.approx(60, abs=3)
    assert retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert retry_after_s("Wed, 99 Oct 2015 07:28:00 GMT") is None


@pytest.mark.parametrize("status", [429, 503])
def test_case_037_the_pool_is_told_of_the_pause_that_the_server_asks_for(server: TileServer, status: int) -> None:
    """The error that the pool sees carries it."""
    server.script = lambda _asked: Answer(status=status, headers={"Retry-After": "7"})
    seen: list[float | None] = []

    def judge_alone(fetch_one: Callable[[WantedTile], TileResult], tiles: Iterator[WantedTile], **_: Any) -> Any:
        with pytest.raises(TryAgainError) as caught:
            fetch_one(next(tiles))
        seen.append(caught.value.pause_s)
        yield from ()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(xyz, "fetch_in_pool", judge_alone)
        fetch(server.template)
    assert seen == [7.0]


def test_case_037_a_server_that_asks_to_wait_is_alive(server: TileServer) -> None:
    """However often it asks, it is not taken for one that is gone: each tile has its own tries."""
    server.script = lambda _asked: Answer(status=429, headers={"Retry-After": "0"})
    results = fetch(server.template, wanted(1, 2, 3, 4), connections=1)
    assert [type(result) for result in results] == [Failed] * 4
    assert len(server.asked) == 16


def test_case_038_single_failures_among_answers_end_nothing(server: TileServer) -> None:
    """Only what goes wrong without a break counts."""
    server.script = lambda _asked: Answer(status=500) if len(server.asked) % 4 else Answer()
    assert [type(result) for result in fetch(server.template, wanted(*range(12)), connections=1)] == [Tile] * 12


def test_case_037_a_pause_of_days_ends_the_run(server: TileServer) -> None:
    """Nobody waits for that; the message says how long."""
    server.script = lambda _asked: Answer(status=429, headers={"Retry-After": "999999"})
    with pytest.raises(DownloadError, match="999,999 s") as caught:
        fetch(server.template)
    assert caught.value.retryable


@pytest.mark.parametrize("with_length", [True, False])
def test_case_044_a_body_beyond_4_mib_is_cut_off(server: TileServer, with_length: bool) -> None:
    """With and without a length that says so beforehand."""
    huge = JPEG + bytes(5 * 1024 * 1024)
    headers = {} if with_length else {"Content-Length": "", "Connection": "close"}
    assert fetch_one(server, Answer(body=huge, headers=headers)) == Failed(TileId(10, 1, 7), "longer than 4 MiB")


def test_case_044_a_content_encoding_is_an_error(server: TileServer) -> None:
    """It was not asked for, and nothing is unpacked."""
    result = fetch_one(server, Answer(headers={"Content-Encoding": "gzip"}))
    assert isinstance(result, Failed)
    assert "gzip" in result.reason


def test_case_039_a_certificate_that_nobody_vouches_for_ends_the_run(tmp_path: Path) -> None:
    """It is not tried again, and the key was not sent."""
    with tile_server(certificate=make_certificate(tmp_path)) as server:
        with pytest.raises(DownloadError, match="can't be trusted") as caught:
            fetch(server.template, api_key=Secret(KEY))
        assert server.asked == []
    assert not caught.value.retryable
    assert "disable" not in caught.value.hint


def test_tls_works_with_an_authority_that_the_system_trusts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A private authority is trusted by the usual variable."""
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with tile_server(certificate=certificate) as server:
        assert fetch(server.template, api_key=Secret(KEY)) == [Tile(TileId(10, 1, 7), JPEG)]


def make_certificate(folder: Path) -> Path:
    """Return a file with a key and its self-signed certificate for 127.0.0.1."""
    path = folder / "server.pem"
    key = folder / "key.pem"
    made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=127.0.0.1"
    subprocess.run(
        ["openssl", *made.split(), "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", path],
        check=True,
        capture_output=True,
    )
    path.write_bytes(path.read_bytes() + key.read_bytes())
    return path


def test_case_051_proxies_of_the_environment_are_not_used(server: TileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that nobody configured here sees nothing."""
    with tile_server() as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert isinstance(fetch_one(server, Answer()), Tile)
        assert proxy.asked == []


def test_a_netrc_is_not_read(server: TileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password for this host in the user's file is not sent."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password hunter2\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    fetch(server.template)
    assert "authorization" not in server.asked[0].headers


def test_closing_the_stream_does_not_wait_for_a_server_that_hangs(server: TileServer) -> None:
    """A transfer that is running is broken off within about a second."""
    release, reached = threading.Event(), threading.Event()

    def hang() -> None:
        reached.set()
        release.wait(60)

    server.script = lambda asked: Answer(before=hang) if asked.path.startswith("/10/2/") else Answer()
    stream = provider(server.template, connections=2).fetch(wanted(1, 2))
    try:
        assert isinstance(next(stream), Tile)
        assert reached.wait(10)
        start_s = time.monotonic()
        stream.close()  # type: ignore[attr-defined]
        assert time.monotonic() - start_s < 5
    finally:
        release.set()


def test_a_run_that_is_given_up_ends_soon(server: TileServer) -> None:
    """The context's event breaks transfers off and ends the stream."""
    release = threading.Event()
    context = RunContext(run_id="r", state_dir=Path("unused"))

    def give_up() -> None:
        context.cancelled.set()
        release.wait(60)

    server.script = lambda _asked: Answer(before=give_up)
    start_s = time.monotonic()
    try:
        results = list(xyz.XyzProvider(xyz.XyzSettings(url=server.template), context).fetch(wanted(1, 2)))
    finally:
        release.set()
    assert all(isinstance(result, Failed) for result in results)
    assert time.monotonic() - start_s < 5


@pytest.mark.parametrize(
    ("url", "settings"),
    [
        ("http://t.example/{z}/{x}/{y}", {"api_key": Secret(KEY)}),
        ("https://t.example/{z}/{x}/{y}?k={api_key}", {}),
        ("https://t.example/{z}/{x}/{y}", {"min_zoom": 9, "max_zoom": 8}),
        ("https://t.example/{z}/{x}/{y}", {"headers": {"Authorization": "Basic canary"}}),
        ("https://t.example/{z}/{x}/{y}", {"headers": {"cookie": "canary"}}),
        ("https://t.example/{z}/{x}/{y}", {"headers": {"X-A": "canary\r\nX-B: 1"}}),
        ("https://t.example/{z}/{x}/{y}", {"api_key": Secret("canary\nX-B: 1")}),
        ("https://t.example/{z}/{x}/{y}", {"api_key": Secret(KEY), "api_key_header": ""}),
    ],
)
def test_settings_that_would_give_a_secret_away_or_make_no_sense_are_refused(url: str, settings: Any) -> None:
    """Before anything is sent, and without repeating a value."""
    with pytest.raises(ConfigError) as caught:
        provider(url, **settings)
    assert "canary" not in caught.value.message + caught.value.hint


def test_every_setting_is_described_and_its_default_is_kind() -> None:
    """The reference is rendered from the descriptions; a public server is not overrun by default."""
    settings = msgspec.inspect.type_info(xyz.XyzSettings)
    assert isinstance(settings, msgspec.inspect.StructType)
    for field in settings.fields:
        assert isinstance(field.type, msgspec.inspect.Metadata), field.name
        assert (field.type.extra_json_schema or {})["description"], field.name
    assert xyz.XyzSettings(url="u").connections == 8


def test_the_settings_convert_from_what_a_configuration_file_holds() -> None:
    """Bounds are checked where the values come in."""
    given = {"url": "u", "max_per_s": 2.5, "subdomains": ["a"], "headers": {"Referer": "r"}}
    assert msgspec.convert(given, xyz.XyzSettings).max_per_s == 2.5
    for wrong in ({"max_per_s": 0.0}, {"connections": 0}, {"max_zoom": 23}, {"colour": 1}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"url": "u", **wrong}, xyz.XyzSettings)
