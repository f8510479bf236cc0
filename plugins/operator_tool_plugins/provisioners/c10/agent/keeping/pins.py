"""Pins: a consumer's own links to the generations that it has open, so that tidying lets them be."""

from __future__ import annotations

import errno
import os
from typing import Dict, List, NamedTuple, Optional

from ..faults import AgentError
from ..layout import Layout, is_generation_name

_MAX_PINS = 1000


class Pins(NamedTuple):
    """What lies in the folder ``pins``."""

    by_generation: Dict[str, List[str]]
    """The consumers' names."""
    strange: List[str]
    """Names there that are no pins, and why, in words."""


def read_pins(layout: Layout) -> Pins:
    """Return the pins. Raises ``pins`` where they can't be read: then nobody can tell what is in use."""
    pins = Pins({}, [])
    try:
        names = sorted(os.listdir(layout.pins))
    except FileNotFoundError:
        if os.path.lexists(layout.pins):
            raise AgentError("pins", "%s is a link that leads nowhere" % layout.pins) from None
        return pins
    except OSError as error:
        raise AgentError("pins", "%s can't be read: %s" % (layout.pins, error)) from None
    if len(names) > _MAX_PINS:
        raise AgentError("pins", "%s holds more than %d pins" % (layout.pins, _MAX_PINS))
    for name in names:
        if name.startswith("."):
            # A link that is about to be renamed.
            continue
        try:
            target = os.readlink(os.path.join(layout.pins, name))
        except FileNotFoundError:
            continue
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise AgentError("pins", "pins/%s can't be read: %s" % (ascii(name)[1:-1], error.strerror)) from None
            pins.strange.append("pins/%s is not a link" % ascii(name)[1:-1])
            continue
        generation = _generation_at(layout, target)
        if generation is not None:
            pins.by_generation.setdefault(generation, []).append(ascii(name)[1:-1][:64])
            if not os.path.lexists(os.path.join(layout.generations, generation)):
                pins.strange.append("pins/%s leads to %s, which is not there" % (ascii(name)[1:-1], generation))
        else:
            pins.strange.append("pins/%s leads to %s, which is no generation" % (ascii(name)[1:-1], ascii(target)))
    return pins


def _generation_at(layout: Layout, target: str) -> Optional[str]:
    """Return the name of the generation that a pin leads to or into, None where it leads elsewhere.

    Who pins in another spelling is understood, too: a pin that is overlooked is a map that is gone.
    """
    place = os.path.realpath(layout.generations)
    # What a pin names may be out of sight just now: of a path that leads nowhere the beginning counts as well.
    path = os.path.realpath(os.path.join(layout.pins, target))
    name = os.path.relpath(path, place).split("/")[0]
    return name if is_generation_name(name) else None
