"""The real parts themselves: what they promise to the tests that stand on them."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.support.real_parts import RealNginx, RealSshd, real_nginx, require


@pytest.mark.real_parts
def test_nginx_serves_its_folder(nginx: RealNginx) -> None:
    """Files come with their type and an ETag; what isn't there is a 404."""
    (nginx.root / "15").mkdir()
    (nginx.root / "15" / "tile.jpg").write_bytes(b"\xff\xd8\xff")
    with urllib.request.urlopen(f"{nginx.url}/15/tile.jpg", timeout=10) as response:
        assert response.read() == b"\xff\xd8\xff"
        assert response.headers["Content-Type"] == "image/jpeg"
        assert response.headers["ETag"]
    with pytest.raises(urllib.error.HTTPError, match="404") as caught:
        urllib.request.urlopen(f"{nginx.url}/absent", timeout=10)
    caught.value.close()
    assert "tile.jpg" in nginx.access_log.read_text()


@pytest.mark.real_parts
def test_the_parts_end_with_their_fixture(tmp_path: Path, sshd: RealSshd) -> None:
    """One part's end ends its own processes and no other's."""
    with real_nginx(tmp_path / "second", tmp_path / "root") as second:
        assert Path(f"/proc/{second.pid}").exists()
    assert not Path(f"/proc/{second.pid}").exists()
    assert Path(f"/proc/{sshd.pid}").exists()


def test_a_missing_part_skips(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason says which."""
    monkeypatch.delenv("OPERATOR_TOOL_REQUIRE_ALL_TESTS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-part is not installed"):
        require("no-such-part")


def test_a_missing_part_fails_where_it_is_demanded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test run that must be whole says so by its environment."""
    monkeypatch.setenv("OPERATOR_TOOL_REQUIRE_ALL_TESTS", "1")
    with pytest.raises(pytest.fail.Exception, match="no-such-part is not installed"):
        require("no-such-part")
