"""Whether the tables and views that tiles are read from are such as MBTiles has, and no program in their place.

SQLite works out a view, and a column that is computed, while it prepares and answers a question: what is nested or
joined there grows without a bound of its own, in time and memory. Real views rename the columns of two tables.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from operator_tool.api import ConfigError

if TYPE_CHECKING:
    import sqlite3

LONGEST_SQL = 16 * 1024
"""So long may one statement of a file's be; real ones have some hundred characters."""
_LONGEST_VIEW = 4 * 1024
_MOST_NESTED = 1
_MOST_THINGS = 1_000
_READ = ("tiles", "metadata")
_WORD = re.compile(r"\w+")
_PLAIN = re.compile(
    r"""(?: \s | --[^\n]* | "[^"]*" | \[[^\]]*\] | `[^`]*` | '[^']{0,64}' | \w++ | [.,=<>()+*;/!-] )*+""", re.VERBOSE
)
"""Names, numbers and comparisons: neither what joins texts nor what repeats them."""
_CALL = re.compile(r"(\w+)\s*\(")
_NO_FUNCTIONS = frozenset(
    {
        "as",
        "on",
        "and",
        "or",
        "in",
        "not",
        "from",
        "join",
        "where",
        "select",
        "cast",
        "using",
        "case",
        "when",
        "then",
        "else",
    }
)
_NESTED = re.compile(r"\(\s*(?:select|values)\b|\bwith\b", re.IGNORECASE)
_COMPUTED = re.compile(r"\bgenerated\b|\bas\s*\(", re.IGNORECASE)


def check_schema(connection: sqlite3.Connection, named: str) -> None:
    """Raise ``ConfigError`` where ``tiles`` or ``metadata`` are computed by more than a plain view of plain tables."""
    rows = connection.execute(
        "SELECT type, name, sql FROM sqlite_master WHERE type IN ('table', 'view') AND sql IS NOT NULL LIMIT ?",
        (_MOST_THINGS + 1,),
    ).fetchall()
    if len(rows) > _MOST_THINGS:
        raise ConfigError(f"{named} is not laid out as an MBTiles file is: it has more than {_MOST_THINGS:,} tables")
    made = {str(name).casefold(): (str(kind), str(sql)) for kind, name, sql in rows}
    for name in _READ:
        kind, sql = made.get(name, ("", ""))
        if kind != "view":
            _check_table(sql, name, named)
            continue
        others = {word for word in _WORD.findall(sql.casefold()) if word in made} - {name}
        _check_view(sql, name, named)
        for other in others:
            if made[other][0] == "view":
                raise program_error(named, f"the view {name} is made of the view {other}")
            _check_table(made[other][1], other, named)


def program_error(named: str, seen: str) -> ConfigError:
    """Return the error for a file that computes its tiles."""
    return ConfigError(
        f"{named} computes its tiles by a program of its own, which is not run: {seen}",
        hint="Write its tiles into a plain table (with mb-util: to a folder, and from there to a new file).",
    )


def _check_view(sql: str, name: str, named: str) -> None:
    if len(sql) > _LONGEST_VIEW or len(_NESTED.findall(sql)) > _MOST_NESTED:
        raise program_error(named, f"the view {name} is long or nested")
    calls = {call.casefold() for call in _CALL.findall(sql)} - _NO_FUNCTIONS - {name}
    if calls or not _PLAIN.fullmatch(sql):
        seen = f"calls {', '.join(sorted(calls))[:60]}" if calls else "does more than name columns"
        raise program_error(named, f"the view {name} {seen}")


def _check_table(sql: str, name: str, named: str) -> None:
    if sql.casefold().lstrip().startswith("create table") and _COMPUTED.search(sql):
        raise program_error(named, f"a column of the table {name} is computed")
    if re.match(r"\s*create\s+virtual", sql, re.IGNORECASE):
        raise program_error(named, f"the table {name} is a virtual one")
