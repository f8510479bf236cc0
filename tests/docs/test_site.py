"""The site of the docs: built strictly, searched in a real browser, and stale nowhere."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.browser import Page, chromium_page

DOCS = Path(__file__).parents[2] / "docs"


def build(source: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Build a site as the nox session does: a warning is a failure, and all of them are told."""
    strictly = ["-q", "-n", "-W", "--keep-going", "-b", "html"]
    command = [sys.executable, "-m", "sphinx", *strictly, "-d", str(site.parent / "doctrees"), str(source), str(site)]
    return subprocess.run(command, capture_output=True, text=True, timeout=100)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of these pages."""
    folder = tmp_path_factory.mktemp("site") / "site"
    built = build(DOCS, folder)
    assert built.returncode == 0, built.stderr
    return folder


def test_every_page_is_reached_from_the_first(site: Path) -> None:
    """A page that no list of contents names would have been a warning; each is there, and so is the search."""
    pages = {path.relative_to(DOCS).with_suffix("") for path in DOCS.rglob("*.md")}
    assert len(pages) > 20
    assert {page for page in pages if not (site / page).with_suffix(".html").exists()} == set()
    assert (site / "searchindex.js").stat().st_size > 10_000


def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path) -> None:
    """The strictness is no word: a page's broken link, and a broken place in a page, each stop it."""
    source = tmp_path / "docs"
    source.mkdir()
    shutil.copy(DOCS / "conf.py", source)
    (source / "index.md").write_text("# One\n\n[there](nowhere.md), [here](#no-such-place)\n")
    built = build(source, tmp_path / "site")
    assert built.returncode != 0
    assert "nowhere.md" in built.stderr
    assert "no-such-place" in built.stderr


@pytest.mark.real_parts
def test_the_site_is_searched_in_a_browser(site: Path, tmp_path: Path) -> None:
    """Whoever types a word into the first page's box is led to the pages that have it, without any server."""
    with chromium_page(tmp_path / "browser") as page:
        page.resize(1280, 900)
        page.open(site / "index.html")
        page.click("input[name=q]")
        page.call("Input.insertText", text="corridor")
        enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
        page.call("Input.dispatchKeyEvent", type="keyDown", **enter)
        wait_for_result(page, "Choose the ground and the zooms")
        assert all(url.startswith(("file:", "data:")) for url in page.requests)


def wait_for_result(page: Page, title: str) -> None:
    """Wait until the page of results, which grows line by line, lists a title."""
    listed = "[...document.querySelectorAll('#search-results li > a')].map(each => each.textContent).join('|')"
    deadline_s = time.monotonic() + 20
    found = ""
    while title not in found:
        assert time.monotonic() < deadline_s, f"not found, but {found}"
        found = page.call("Runtime.evaluate", expression=listed)["result"].get("value", "")
        time.sleep(0.05)


def test_the_page_of_the_command_line_is_not_stale() -> None:
    """``nox -s docs`` renders it anew."""
    spec = importlib.util.spec_from_file_location("render_command_line", DOCS / "reference" / "render_command_line.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (DOCS / "reference" / "command-line.md").read_text(encoding="utf-8") == module.command_line_page()
