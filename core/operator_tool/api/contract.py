"""The version of the contract, and what of it will go.

The contract is everything in ``operator_tool.api``, the hooks, and the entry-point groups. Its major number is in the
groups (``operator_tool.v1.tile_provider``): a plugin of another major is not even imported. Its minor grows with what
is added, and nothing is taken away within a major. A plugin that needs what a minor added says so in its module::

    requires_contract = ">=1.2,<2"

and is refused, before any of its hooks is called, by an operator-tool that is too old for it.

What is deprecated goes on working until the next major. ``operator-tool plugins check`` names what of it a plugin uses,
and what to use instead; a run never does.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

CONTRACT = "1.0"
"""The contract that this operator-tool speaks, ``MAJOR.MINOR``."""

REQUIRES_CONTRACT = "requires_contract"
"""The attribute by which a plugin's module says which contracts it is made for, as a text such as ``>=1.2,<2``."""


class ContractDeprecationWarning(DeprecationWarning):
    """A plugin uses a hook, an argument or a name that the next major contract will not have; it says what to use.

    For hooks and arguments it stands in the hook's specification::

        @hookspec(warn_on_impl=ContractDeprecationWarning.of("hook make_x", since="1.3", use="make_y"))

    and for one argument of it as ``warn_on_impl_args={"folder": ContractDeprecationWarning.of(...)}``.
    """

    @classmethod
    def of(cls, what: str, *, since: str, use: str) -> ContractDeprecationWarning:
        """Return the warning: ``what`` is deprecated since a contract, and ``use`` is what takes its place."""
        return cls(f"{what} is deprecated since contract {since}: use {use}")


@dataclass(frozen=True, kw_only=True)
class DeprecatedName:
    """A name of ``operator_tool.api`` that is still there, and is told of when it is used."""

    value: object
    since: str
    use: str

    def warning(self, name: str) -> ContractDeprecationWarning:
        """Return what its use is told as."""
        return ContractDeprecationWarning.of(f"operator_tool.api.{name}", since=self.since, use=self.use)


DEPRECATED_NAMES: dict[str, DeprecatedName] = {}
"""The deprecated names of ``operator_tool.api``: they stand here and no longer among its imports or in ``__all__``.
Under ``TYPE_CHECKING`` they stay there, so that type checkers know them."""


def deprecated_name(name: str) -> object:
    """Return what a deprecated name stands for, and warn whoever asked ``operator_tool.api`` for it.

    Raises ``AttributeError`` for any other name, as a module does.
    """
    if (deprecated := DEPRECATED_NAMES.get(name)) is None:
        raise AttributeError(f"module 'operator_tool.api' has no attribute {name!r}")
    warnings.warn(deprecated.warning(name), stacklevel=2)
    return deprecated.value
