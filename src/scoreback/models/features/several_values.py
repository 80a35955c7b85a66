"""What features read of a field with several values: one rule each, wherever events come from.

- Texts (``length``, ``entropy``, ``digits``, ``matches``, ``ngrams``) see all values, in their
  order, with a blank in between: `TEXT`.
- A ``category`` is the set of the values: sorted, each once, with a comma in between: `SET`.
- So is a key, of a window or of a unit: an event has one key, or a list of n values in each of
  four fields would make n⁴ of it. Its text is unambiguous: `KEY`.
- ``distinct`` and ``rarity`` count each value, as SIEMs do: `KEY`, unfolded by `each_value`.
- Numbers take one of the values, or their sum, as the feature says; `FIRST` or `VALUES`.
- Times and addresses are the first value: `FIRST`; `scoreback check` counts what is left aside.

All of this is a function of one event, so that training, scoring and a SIEM cannot differ: ES|QL
has `MV_CONCAT`, `MV_SORT` and `MV_DEDUPE` for it, SPL `mvjoin`, `mvsort` and `mvdedup`.
"""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.multivalue import firsts, has_lists, joined, lists, readable, sets, unfolded

TEXT, SET, KEY, FIRST, VALUES = "text", "set", "key", "first", "values"
MOST_VALUES = 100  # of one event that windows tell apart; more would let one event fill the state

_READINGS: dict[str, Callable[[pa.Array], pa.Array]] = {
    TEXT: lambda column: joined(column, " "),
    SET: lambda column: readable(sets(column)),
    KEY: sets,
    FIRST: firsts,
    VALUES: lambda column: lists(pc.if_else(pc.equal(column, ""), None, column)),
}


class FieldReader:
    """The columns of one batch as features read them: those without lists as they are."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        """Read from *batch*."""
        self.batch = batch  # gets a column for each reading of a field that holds lists
        self._listed: dict[str, bool] = {}

    def holds_lists(self, field: str) -> bool:
        """Whether some event has several values in *field*."""
        if field not in self._listed:
            self._listed[field] = has_lists(self.batch.column(field))
        return self._listed[field]

    def column(self, field: str, reading: str) -> str:
        """The name of the column of `batch` that holds *field* as *reading* has it."""
        if not self.holds_lists(field):
            return field
        name = f"{reading} of {field}"  # the blanks keep it apart from fields
        if name not in self.batch.schema.names:
            column = _READINGS[reading](self.batch.column(field))
            self.batch = self.batch.append_column(name, column)
        return name


def each_value(rows: pa.Table, name: str) -> pa.Table:
    """*rows* with one for each value of column *name*, which holds keys; `MOST_VALUES` at most."""
    column = rows.column(name)
    if not has_lists(column):
        return rows
    places, values = unfolded(column, MOST_VALUES)
    found = rows.take(pa.array(places))
    return found.set_column(found.column_names.index(name), name, values)
