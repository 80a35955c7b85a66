"""How features read a field with several values: one rule for each kind, whatever the source.

- Text features (``length``, ``entropy``, ``digits``, ``matches``, ``ngrams``) read all values in
  their order, joined by spaces: `TEXT`.
- A ``category`` is the set of the values: sorted, each once, joined by commas: `SET`.
- A key of a window or unit is the same set, in an unambiguous text: `KEY`. An event has only one
  key, because n values in each of four fields would make n⁴ keys.
- ``distinct`` and ``rarity`` count each value, as SIEMs do: `KEY`, unfolded by `each_value`.
- Numbers take one of the values or their sum, as the feature says: `FIRST` or `VALUES`.
- Times and addresses are the first value: `FIRST`; `scoreback check` counts the values ignored.

Each rule depends on one event only, so that training, scoring and a SIEM agree. ES|QL has
`MV_CONCAT`, `MV_SORT` and `MV_DEDUPE` for them, SPL `mvjoin`, `mvsort` and `mvdedup`.
"""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.multivalue import firsts, has_lists, joined, lists, readable, sets, unfolded

TEXT, SET, KEY, FIRST, VALUES = "text", "set", "key", "first", "values"
MOST_VALUES = 100  # windows distinguish no more per event, or one event could fill the state

_READINGS: dict[str, Callable[[pa.Array], pa.Array]] = {
    TEXT: lambda column: joined(column, " "),
    SET: lambda column: readable(sets(column)),
    KEY: sets,
    FIRST: firsts,
    VALUES: lambda column: lists(pc.if_else(pc.equal(column, ""), None, column)),
}


class FieldReader:
    """The columns of one batch as features read them; columns without lists stay unchanged."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        """Read from *batch*."""
        self.batch = batch  # gains a column for each reading of a field with lists
        self._listed: dict[str, bool] = {}

    def holds_lists(self, field: str) -> bool:
        """Whether some event has several values in *field*."""
        if field not in self._listed:
            self._listed[field] = has_lists(self.batch.column(field))
        return self._listed[field]

    def column(self, field: str, reading: str) -> str:
        """The name of the column of `batch` that holds *field* under *reading*."""
        if not self.holds_lists(field):
            return field
        name = f"{reading} of {field}"  # the spaces distinguish it from fields
        if name not in self.batch.schema.names:
            column = _READINGS[reading](self.batch.column(field))
            self.batch = self.batch.append_column(name, column)
        return name


def each_value(rows: pa.Table, name: str) -> pa.Table:
    """*rows* with one row per value of the key column *name*, at most `MOST_VALUES` for each."""
    column = rows.column(name)
    if not has_lists(column):
        return rows
    places, values = unfolded(column, MOST_VALUES)
    found = rows.take(pa.array(places))
    return found.set_column(found.column_names.index(name), name, values)
