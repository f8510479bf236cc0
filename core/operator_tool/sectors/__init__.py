"""Sectors: areas of which an operator has said how fresh their imagery must be."""

from .age import Freshness, believed_date, judge_date
from .choice import chosen_sectors
from .file import change_sectors, load_sectors, save_sectors
from .sector import Bounds, Sector, SectorKind
from .sector_map import SectorMap, sector_kind_of

__all__ = [
    "Bounds",
    "Freshness",
    "Sector",
    "SectorKind",
    "SectorMap",
    "believed_date",
    "change_sectors",
    "chosen_sectors",
    "judge_date",
    "load_sectors",
    "save_sectors",
    "sector_kind_of",
]
