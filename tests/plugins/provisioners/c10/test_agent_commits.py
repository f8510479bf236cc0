"""What arrives slowly is kept soon: a slow link that is cut loses a second of work, not 8 MiB of it."""

from __future__ import annotations

import threading
from pathlib import Path

from operator_tool_plugins.provisioners.c10.wire import data_frame, lacking, offer_frame
from tests.support.c10_rig import Agent, order_of, request_of, supply_of


def test_what_comes_without_a_pause_is_committed_within_a_second_or_two(tmp_path: Path, file: Path) -> None:
    """Pictures that come so often that the agent is never idle, and are so few that no size asks for a commit."""
    order, supply = order_of(400), supply_of(400, size_bytes=300)
    stop = threading.Event()
    with Agent(file, "receive", request_of(tmp_path / "cache", order)) as agent:
        agent.say(offer_frame(0, supply.records))
        wanted = lacking(supply.records, (agent.until("lacks") or {})["bits"])

        def dribble() -> None:
            for record in wanted:
                agent.say(data_frame(0, [supply.pictures[record.sha256]]))
                if stop.wait(0.05):
                    return

        sending = threading.Thread(target=dribble)
        sending.start()
        received = 0
        try:
            while not received:
                received = (agent.until("stored") or {"received": 400})["received"]
        finally:
            stop.set()
            sending.join()
        assert 0 < received < 100, "twenty come in a second"
