"""The stores that are there, whatever their state."""

from __future__ import annotations

from pathlib import Path

import msgspec

from operator_tool.api import OperatorToolError

from .folder import INDEX_NAME, check_owner, store_folders
from .index import Index


class ListedStore(msgspec.Struct, frozen=True, kw_only=True):
    """One store of a folder of stores."""

    folder: Path
    provider: str = ""
    dataset: str = ""
    problem: str = ""
    """Why it can't be used; whose it is is then unknown."""

    @property
    def name(self) -> str:
        """What an operator calls it: its folder's name."""
        return self.folder.name


def list_stores(
    folder_of_stores: Path, *, provider: str | None = None, dataset: str | None = None
) -> list[ListedStore]:
    """Return the stores, or those of a provider and of data sets that have a text in them, by name.

    A store that can't be opened is listed with its problem, unless it is certainly none of those asked for. Raises
    ``ConfigError`` when the folder can't be listed.
    """
    return [
        store
        for store in map(_look, store_folders(folder_of_stores))
        if store is not None and _is_asked_for(store, provider, dataset)
    ]


def _look(folder: Path) -> ListedStore | None:
    try:
        check_owner(folder)
        index = Index.open_any(folder / INDEX_NAME)
        if index is None:
            return None
        try:
            meta = index.meta()
        finally:
            index.close()
    except OperatorToolError as error:
        return ListedStore(folder=folder, problem=error.message)
    return ListedStore(folder=folder, provider=meta.get("provider", ""), dataset=meta.get("dataset", ""))


def _is_asked_for(store: ListedStore, provider: str | None, dataset: str | None) -> bool:
    if store.problem:
        return provider is None or store.name.startswith(f"{provider}-")
    return provider in (None, store.provider) and (dataset is None or dataset in store.dataset)
