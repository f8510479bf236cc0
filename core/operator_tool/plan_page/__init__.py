"""A plan as one can look at it: a page that needs nothing but itself, and a picture."""

from .writing import check_targets, draw_plan

__all__ = ["check_targets", "draw_plan"]
