"""The companion's own stages: between verification and switch, each makes something of the tiles.

A stage is given the verified database to read and one empty folder to fill. Whatever else it does, the generation does
not come to be, and what was received stays for the next attempt.
"""

from __future__ import annotations

import os
import time
from typing import Dict

from ..call import Call
from ..faults import AgentError
from ..generations.manifest import Manifest
from ..generations.standing import put_back, standing
from ..layout import ARTEFACTS, DATABASE, STAGES, Layout, make_folder, sync_folder, write_whole
from ..own_config import PATH
from ..receiving.staging import distrust
from .output import clear, look_at_output, settle, why_too_much
from .table import Stage, check_ordered, stages_of
from .watch import first_difference, look_around

_ORDER = "order.json"


def run_stages(call: Call, layout: Layout, folder: str, order: Manifest, order_bytes: bytes) -> None:
    """Leave ``stages/<name>/`` of each stage in the staging folder, synced, and nothing else that wasn't there.

    Raises ``stages`` where the order is for others than the companion's own file has, ``stage`` where one failed.
    """
    stages = stages_of(layout)
    check_ordered(order, stages)
    made = os.path.join(folder, STAGES)
    if os.path.lexists(made):
        # An earlier attempt's: what the tiles are now they were perhaps not then.
        clear(made)
        sync_folder(folder)
    if not stages:
        return
    make_folder(made)
    for stage in stages:
        call.vehicle.look()
        _run(call, layout, folder, stage, order_bytes)
    if not os.listdir(made):
        os.rmdir(made)
    sync_folder(folder)


def _run(call: Call, layout: Layout, folder: str, stage: Stage, order_bytes: bytes) -> None:
    work = os.path.join(folder, ".stage-%s-%s" % (stage.name, os.urandom(4).hex()))
    output = os.path.join(work, "output")
    begun_s = time.monotonic()
    os.mkdir(work)
    try:
        os.mkdir(output)
        # It takes its time to import, and most companions have no stage.
        from .process import run_program

        write_whole(os.path.join(work, _ORDER), order_bytes, durable=False)
        before, stood = look_around(layout, output), standing(layout)
        call.outlet.event("stage", stage=stage.name, state="began", deadline_s=stage.deadline_s)

        def look() -> str:
            # It may print nothing until its own deadline.
            call.outlet.moved("waiting for the stage " + stage.name)
            call.vehicle.look()
            return why_too_much(output, stage.max_output_bytes)

        ended = run_program(
            stage,
            output,
            _environment(folder, work, output),
            lambda line: call.outlet.event("stage", stage=stage.name, line=line),
            look,
        )
        if ended.left_out:
            call.outlet.event("stage", stage=stage.name, left_out=ended.left_out)
        strange = first_difference(layout, before, look_around(layout, output))
        if strange is not None:
            distrust(folder)
            put_back(layout, stood)
            raise _failed(stage, "it wrote outside its own folder: %s is not as it was" % strange, ended.tail)
        if ended.problem:
            raise _failed(stage, ended.problem, ended.tail)
        made = look_at_output(output, stage.max_output_bytes)
        if made.problem:
            raise _failed(stage, made.problem, ended.tail)
        settle(made)
        if made.files:
            os.rename(output, os.path.join(folder, STAGES, stage.name))
            sync_folder(os.path.join(folder, STAGES))
        call.outlet.event(
            "stage",
            stage=stage.name,
            state="ended",
            files=len(made.files),
            bytes=made.bytes,
            took_s=round(time.monotonic() - begun_s, 3),
        )
    finally:
        clear(work)


def _environment(folder: str, work: str, output: str) -> Dict[str, str]:
    return {
        "PATH": PATH,
        "C10_TILES": os.path.join(folder, DATABASE),
        "C10_ARTEFACTS": os.path.join(folder, ARTEFACTS),
        "C10_STAGES": os.path.join(folder, STAGES),
        "C10_MANIFEST": os.path.join(work, _ORDER),
        "C10_OUTPUT": output,
    }


def _failed(stage: Stage, why: str, tail: "list[str]") -> AgentError:
    return AgentError("stage", "stage %s: %s" % (stage.name, why), {"stage": stage.name, "tail": tail})
