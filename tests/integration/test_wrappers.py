"""A rig's wrapper and a listener of another company take part in whole builds, as distributions of their own."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from operator_tool.testing.services.flight_service import FlightAnswer, FlightService, running_service
from tests.support.command import Workstation
from tests.support.distributions import install_from_source, write_distribution

ROOT = Path(__file__).parents[2]
FLIGHT = ROOT / "docs" / "tutorial" / "first-flight.plan"
DISTRIBUTIONS = ROOT / "tests" / "distributions"
SMALL = ("--zoom", "14-15", "--corridor", "200")

RIG_THAT_FORGETS = """
from operator_tool import api

@api.hookimpl(wrapper=True)
def make_companion_transport(context):
    if context is None:
        yield
"""


@pytest.fixture
def address() -> Iterator[FlightService]:
    """Where events are posted to; it takes everything."""
    with running_service(lambda _path, _id, _waypoints: {}) as running:
        running.answer(FlightAnswer(status=204))
        yield running


@pytest.fixture
def workstation(tmp_path: Path) -> Workstation:
    """An operator's folders, with both distributions installed beside the tool."""
    site = tmp_path / "site"
    for name in ("acme-rig", "acme-events"):
        install_from_source(DISTRIBUTIONS / name, site)
    write_distribution(
        site,
        "acme-forgetful",
        version="0.9",
        entry_points={"listener": {"acme-forgetful": "acme_forgetful"}},
        modules={"acme_forgetful": RIG_THAT_FORGETS},
    )
    return Workstation(tmp_path)


def configured(workstation: Workstation, *listeners: str, url: str = "http://127.0.0.1:9/") -> dict[str, str]:
    """Write the configuration, and return the environment that goes with it."""
    workstation.config.write_text(
        f"[operator-tool]\nlisteners = {json.dumps(listeners)}\n\n[acme-rig]\nlatency_ms = 2\n\n"
        f'[acme-events]\nurl = "{url}"\n'
    )
    return {"PYTHONPATH": str(workstation.folder / "site"), "OPERATOR_TOOL_ACME_EVENTS_TOKEN": FlightService.token}


def built(workstation: Workstation, *more: str) -> list[str]:
    """Return the arguments of a small build."""
    return workstation.build_arguments(FLIGHT, "--config", str(workstation.config), "--json", *SMALL, *more)


def test_a_rig_and_a_listener_of_others_take_part_in_a_whole_build(
    workstation: Workstation, address: FlightService
) -> None:
    """The cache is built over the slow link; what was sent is counted, told as a note, and every event arrives
    elsewhere, in order, with the token in the header and nowhere else. A recording wraps the rig."""
    env = configured(workstation, "acme-rig", "acme-events", "progress", url=f"{address.url}/ops")
    recording = workstation.folder / "link.jsonl"

    ended = workstation.run(*built(workstation, "--record", str(recording)), env=env)

    assert ended.code == 0, ended.all
    report = ended.report
    taking_part = {(plugin["name"], plugin["distribution"], plugin["version"]) for plugin in report["plugins"]}
    assert {("acme-rig", "acme-rig", "1.2.0"), ("acme-events", "acme-events", "1.2.0")} <= taking_part
    assert "acme-rig: each line is held back by 2 ms" in ended.err
    sent = [int(text.replace(",", "")) for text in re.findall(r"acme-rig: ([\d,]+) bytes were sent", ended.err)]
    assert sum(sent) > report["bytes"]["sent"] > 0
    told = [json.loads(request.body) for request in address.requests]
    # What is said while the plugins are made comes before the run begins.
    assert next(event["type"] for event in told if event["type"] != "notice") == "run_started"
    assert [event["phase"] for event in told if event["type"] == "phase_finished"][-1] == "build"
    assert told[-1]["type"] == "run_finished"
    assert told[-1]["report"]["content_key"] == report["content_key"]
    assert {request.headers["authorization"] for request in address.requests} == {f"Bearer {address.token}"}
    assert not [request for request in address.requests if address.token.encode() in request.body]
    assert address.token not in ended.all
    assert recording.stat().st_size > 500


@pytest.mark.parametrize("how", ["nobody listens", "nobody answers"])
def test_no_run_waits_for_where_events_go(workstation: Workstation, address: FlightService, how: str) -> None:
    """Where they can't be told, the build is as quick as ever but for the bounded wait at its end, and says so."""
    address.answer(FlightAnswer(silent=True))
    if how == "nobody listens":
        address.close()
    env = configured(workstation, "acme-events", url=address.url)

    began_s = time.monotonic()
    ended = workstation.run(*built(workstation, "-o", "acme-events.timeout_s=1"), env=env)
    took_s = time.monotonic() - began_s

    assert ended.code == 0, ended.all
    assert ended.report["outcome"] == "success"
    assert re.search(r"acme-events: (\d+) of \1 events did not arrive", ended.err), ended.err
    assert took_s < ended.report["duration_s"]["total"] + 3 + 15  # the flush, one request, the interpreter's start


def test_a_wrapped_simulation_is_still_told_as_one(workstation: Workstation) -> None:
    """A rig around the mock changes nothing about the banner and the report: no drone took part."""
    env = configured(workstation, "acme-rig", "progress")
    ended = workstation.run(*built(workstation, "--transport", "mock", "-o", "c10.cache_root=cache"), env=env)

    assert ended.code == 0, ended.all
    assert ended.report["companion"]["simulated"]
    assert ended.err.startswith("SIMULATED COMPANION")
    assert "acme-rig: each line is held back by 2 ms" in ended.err


def test_a_wrapper_that_fails_is_named_and_harms_no_run_without_it(workstation: Workstation) -> None:
    """Code 12 names the wrapper's plugin, distribution and version, and not the transport's; nothing is left behind."""
    env = configured(workstation, "acme-rig", "acme-forgetful")
    ended = workstation.run(*built(workstation), env=env)

    assert ended.code == 12, ended.all
    assert ended.report["message"].startswith(
        "listener 'acme-forgetful' (acme-forgetful 0.9) wraps make_companion_transport and returned before its yield"
    )
    assert not workstation.cache_root.exists()

    assert workstation.run(*built(workstation), env=configured(workstation, "acme-rig")).code == 0
