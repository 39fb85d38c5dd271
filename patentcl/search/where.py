"""Rows of a table for which an SQL expression is true, read by DuckDB."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from patentcl.core.errors import ConfigError, DataError

_LOCKED: dict[str, Any] = {
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "lock_configuration": True,
}
_ROW = "row number of patentcl"


def rows_where(table: pd.DataFrame, expression: str) -> np.ndarray:
    """Bool (n,): the rows for which an expression over the columns is true.

    One boolean expression of DuckDB's SQL without a subquery; it cannot read files. Where ``date``
    is a column and ``year`` is none, ``year`` is the year of the date.

    Raises
    ------
    ConfigError
        If it is not such an expression, or names a column that is not there.

    Examples
    --------
    >>> rows_where(pd.DataFrame({"country": ["US", "EP", None]}), "country = 'EP'").tolist()
    [False, True, False]
    """
    import duckdb
    import pyarrow as pa

    def bad(what: str, error: Any = None, fix: str | None = None) -> ConfigError:
        got = expression if error is None else f"{expression}: {str(error).splitlines()[0]}"
        return ConfigError(what, where="where", got=got, fix=fix)

    if not isinstance(expression, str) or not expression.strip():
        raise bad("the expression is empty")
    seen = table.assign(**{_ROW: np.arange(len(table))})
    if "date" in seen and "year" not in seen:
        seen["year"] = pd.to_datetime(seen["date"], errors="coerce").dt.year.astype("Int32")
    try:
        arrow = pa.Table.from_pandas(seen, preserve_index=False)
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise DataError("a column cannot be read by DuckDB", where="where", got=error) from error
    with duckdb.connect(":memory:", config=_LOCKED) as con:
        con.register("patents", arrow)
        try:
            # Only parsed, to see what it is made of; a quote inside a text is escaped in JSON.
            [(parsed,)] = con.execute(
                "SELECT json_serialize_sql($query)", {"query": f"SELECT {expression}"}
            ).fetchall()
            if '"class":"SUBQUERY"' in parsed:
                raise bad("an expression may not hold a subquery")
            asked, patents = duckdb.SQLExpression(expression), con.table("patents")
            [kind] = patents.select(asked).types
            if str(kind) != "BOOLEAN":
                raise bad(f"the expression is not true or false but {kind}")
            found = patents.filter(asked).select(duckdb.ColumnExpression(_ROW)).fetchnumpy()
        except duckdb.BinderException as error:
            columns = ", ".join(map(str, seen.columns.drop(_ROW)))
            fix = f"There are the columns {columns}"
            raise bad("the expression does not fit the columns", error, fix) from error
        except duckdb.Error as error:
            fix = "Give one SQL expression such as: country = 'US' AND year >= 2015"
            raise bad("the expression cannot be read", error, fix) from error
    out = np.zeros(len(table), dtype=bool)
    out[found[_ROW]] = True
    return out
