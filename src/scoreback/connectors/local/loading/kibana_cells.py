"""Turns cells of Kibana's CSV into the values that the documents have."""

import pyarrow as pa
import pyarrow.compute as pc

_GROUPED = "^-?[0-9]{1,3}(,[0-9]{3})+([.][0-9]+)?$"  # 4,624 as Kibana shows a number
_ABSENT = pa.array(["-", "(empty)", "(null)"])


def without_marks(column: pa.Array) -> pa.Array:
    """*column* without thousands separators in numbers and without marks of missing values."""
    absent = pc.is_in(column, value_set=_ABSENT)
    if absent.true_count:
        column = pc.if_else(absent, None, column)
    grouped = pc.fill_null(pc.match_substring_regex(column, _GROUPED), False)
    if grouped.true_count:
        column = pc.if_else(grouped, pc.replace_substring(column, ",", ""), column)
    return column
