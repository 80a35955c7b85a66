"""Renames columns that differ only in case, because SQL does not tell them apart."""

from collections.abc import Collection


class CaseNames:
    """Names the fields of one export, so that no two differ only in case.

    The first column keeps its name; ``ProcessId`` after ``ProcessID`` becomes ``ProcessId_2``. If
    the stream has that field already, the column always gets this name, even in an export without
    another such column.
    """

    def __init__(self, there: Collection[str] = ()) -> None:
        """Start with the field names that the stream has already."""
        self._there = frozenset(there)
        self._columns: dict[str, str] = {}  # column → field
        self._taken: dict[str, str] = {}  # field in lower case → column

    def of(self, column: str) -> str:
        """The field name for *column*."""
        if column not in self._columns:
            self._columns[column] = self._new(column)
        return self._columns[column]

    @property
    def renamed(self) -> dict[str, str]:
        """Column → field, for the renamed columns."""
        return {column: field for column, field in self._columns.items() if column != field}

    def _new(self, column: str) -> str:
        number, field = 1, column
        if column not in self._there and f"{column}_2" in self._there:
            number, field = 2, f"{column}_2"
        while self._taken.setdefault(field.lower(), column) != column:
            number += 1
            field = f"{column}_{number}"
        return field
