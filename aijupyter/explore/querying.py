"""SQL over frames: a database that lives for one question and sees nothing but them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from aijupyter.errors import OptionError
from aijupyter.explore.extras import extra
from aijupyter.results.frames import SCALES

CLOSED = {
    "enable_external_access": "false",
    "python_enable_replacements": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "lock_configuration": "true",
}
"""No files, no network, no variables of Python, no extensions; and a query cannot change that."""

ABOUT_TABLES = re.compile(r"(?i)\b(show|pragma|information_schema|duckdb_\w+)\b")

Frames = Callable[..., Mapping[str, pd.DataFrame]]
Columns = Mapping[str, Sequence[str]]
Parameters = Sequence[object] | Mapping[str, object] | None


def ask(query: str, parameters: Parameters, frames: Frames, tables: Columns) -> pd.DataFrame:
    """The rows that a query gives over `frames(*names)`, of which only those are made that it needs.

    Raises OptionError for what DuckDB does not understand, and ExtraMissingError.
    """
    duckdb = extra("duckdb", "SQL")
    extra("pyarrow", "SQL")
    try:
        needed = _named(duckdb, query, tables)
        try:
            return _answer(duckdb, query, parameters, frames(*needed) if needed else {})
        except duckdb.CatalogException:
            others = [name for name in _mentioned(query, tables) if name not in needed]
            if not others:
                raise
            return _answer(duckdb, query, parameters, frames(*needed, *others))
    except duckdb.Error as error:
        raise _refused(error, tables) from None


def _named(duckdb: Any, query: str, tables: Columns) -> list[str]:
    """The tables that a query reads, by DuckDB's own parser; by their names where it cannot tell."""
    names: set[str] = set()
    with duckdb.connect(":memory:", config=CLOSED) as connection:
        try:
            names = {str(name).lower() for name in connection.get_table_names(query)}
        except duckdb.ParserException:
            raise
        except duckdb.Error:  # it cannot look into parameters, for example
            pass
    known = [name for name in tables if name in names] or _mentioned(query, tables)
    return known or (list(tables) if ABOUT_TABLES.search(query) else [])


def _mentioned(query: str, tables: Columns) -> list[str]:
    words = set(re.findall(r"\w+", query.lower()))
    return [name for name in tables if name in words]


def _answer(duckdb: Any, query: str, parameters: Parameters, frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    with duckdb.connect(":memory:", config=CLOSED) as connection:
        for name, frame in frames.items():
            connection.register(name, frame)
        relation = connection.sql(query, params=parameters)
        if relation is None:  # a statement that gives no rows
            return pd.DataFrame()
        reader = relation.arrow()
        table = reader.read_all() if hasattr(reader, "read_all") else reader
        return _as_frame(table)


def _as_frame(table: Any) -> pd.DataFrame:
    """With the dtypes that our frames have. Sums, which DuckDB gives as decimals of 38 digits, become numbers."""
    import pyarrow as pa  # noqa: PLC0415  # of the extra

    def dtype_of(kind: Any) -> Any:
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return pd.StringDtype()
        if pa.types.is_integer(kind):
            return pd.Int64Dtype() if not pa.types.is_uint64(kind) else pd.UInt64Dtype()
        return pd.BooleanDtype() if pa.types.is_boolean(kind) else None

    frame: pd.DataFrame = table.to_pandas(types_mapper=dtype_of, date_as_object=False)
    for place, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type):
            frame.isetitem(place, _number(frame.iloc[:, place]).array)
        elif pa.types.is_dictionary(field.type):
            frame.isetitem(place, _ordered(frame.iloc[:, place]).array)
    return frame


def _number(decimals: pd.Series[Any]) -> pd.Series[Any]:
    numbers = pd.to_numeric(decimals.astype("Float64"))
    whole = numbers.dropna()
    if (whole.abs() < 2**53).all() and (whole == whole.round()).all():
        return numbers.astype("Int64")
    return numbers.astype("float64")


def _ordered(column: pd.Series[Any]) -> pd.Series[Any]:
    """Categories come back without their order; those on a scale have one."""
    categories = list(column.cat.categories)
    if any(set(order).issuperset(categories) for order in SCALES.values()):
        return column.cat.as_ordered()
    return column


def _refused(error: Exception, tables: Columns) -> OptionError:
    columns = "\n".join(f"  {name}: {', '.join(columns)}" for name, columns in tables.items())
    return OptionError(
        f"DuckDB does not take the query. {str(error).strip()}", f"The tables are:\n{columns}", option="query"
    )
