"""The verdict that a replayed alert had at a moment: the label of its opening unit by then."""

from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoreback.columns import flat
from scoreback.models.labels.joins import event_labels
from scoreback.models.labels.truths import NO_VERDICT, truths_as_of, verdict_of
from scoreback.models.labels.unit_labels import subjects
from scoreback.records import Verdict
from scoreback.service.app import App
from scoreback.service.backtesting.known import identities
from scoreback.service.backtesting.material import Material
from scoreback.service.labels.quarantine import without_floods
from scoreback.times import micros, moment

_NUMBER = "label"  # column: row number of a label


class AlertVerdicts:
    """Looks up the verdict that each replayed alert had at a moment, by the unit that opened it."""

    def __init__(self, app: App, material: Material) -> None:
        """Join all labels of *material* to its units, once."""
        self._app, self._detector = app, material.detector
        self._of = material.labels
        numbers = pa.array(np.arange(self._of.table.num_rows))
        self._all = self._of.table.append_column(_NUMBER, numbers)
        self._joined = event_labels(identities(material)[0], self._all, self._detector)
        self._asked = pa.array([], pa.string())
        self._few = self._joined.slice(0, 0)  # labels of the units asked about so far
        self._has_floods = self._any_flood()

    def at(self, units: pa.Array, at: datetime) -> list[Verdict | None]:
        """The verdict of each of *units* as it was known at the time *at*."""
        labels = self._labels(units)
        number = _numbers(labels)
        known = self._of.known[number] <= micros(at)
        if self._has_floods:
            known &= ~np.isin(number, self._doubted(at))
        found = truths_as_of(labels.filter(pa.array(known)), self._detector, at)
        place = pc.fill_null(pc.index_in(units, value_set=found.event_ids), len(found.verdicts))
        codes = np.append(found.verdicts, np.int8(NO_VERDICT))[place.to_numpy()]
        return [verdict_of(code) for code in codes.tolist()]

    def _labels(self, units: pa.Array) -> pa.Table:
        new = units.filter(pc.invert(pc.is_in(units, value_set=self._asked)))
        if len(new):
            own = pc.is_in(subjects(self._joined), value_set=new)
            self._few = pa.concat_tables([self._few, self._joined.filter(own)])
            self._asked = pa.concat_arrays([self._asked, new])
        return self._few

    def _any_flood(self) -> bool:
        """Whether any verdict ever came in a flood; if not, none did at an earlier moment."""
        if not self._of.verdicts:
            return False
        last = moment(int(self._of.known[: self._of.verdicts].max()))
        return bool(without_floods(self._app, self._detector, self._verdicts(last), last)[1])

    def _doubted(self, at: datetime) -> NDArray[np.int64]:
        """The row numbers of verdicts that a flood had put in quarantine at the time *at*."""
        given = self._verdicts(at)
        left, _ = without_floods(self._app, self._detector, given, at)
        return np.setdiff1d(_numbers(given), _numbers(left))

    def _verdicts(self, at: datetime) -> pa.Table:
        known = self._of.known[: self._of.verdicts] <= micros(at)
        return self._all.slice(0, self._of.verdicts).filter(pa.array(known))


def _numbers(labels: pa.Table) -> NDArray[np.int64]:
    return np.asarray(flat(labels[_NUMBER]).to_numpy(), dtype=np.int64)
