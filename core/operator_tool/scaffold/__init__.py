"""A new plugin's project, written from templates that work as they are."""

from .project import NewProject, write_project

__all__ = ["NewProject", "write_project"]
