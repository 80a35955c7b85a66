"""The chance with which people were shown each compared unit, by which its verdict is weighted."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scoreback.columns import flat
from scoreback.models.labels.dataset import Dataset
from scoreback.models.labels.truths import UNIT
from scoreback.models.learners.model import Floats
from scoreback.service.state.audits import audits_since
from scoreback.service.state.database import Database
from scoreback.service.state.explored import candidates_since
from scoreback.times import moment


def shown_chances(database: Database, detector: str, data: Dataset, labels: pa.Table) -> Floats:
    """The chance of each unit of *data* to have been shown to people; shape (units,).

    It is 1 for units that the champion alerted on, and for units labelled without an alert: by a
    field, or as part of an incident. For a unit that only a shadow would show, it is the chance to
    be explored or audited. An audited unit that no shadow would show counts as itself: 1.

    Args:
        database: the database of the state.
        detector: the detector's name.
        data: the units compared.
        labels: their labels, as `read_training_data` gives them.
    """
    found = np.ones(len(data))
    if not len(data):
        return found
    since = moment(int(min(data.times.min(), data.arrivals.min())))
    explored = {one.event_id: one.chance for one in candidates_since(database, detector, since)}
    for one in audits_since(database, detector, since):
        if one.event_id in explored:
            explored[one.event_id] = 1 - (1 - explored[one.event_id]) * (1 - one.chance)
    for name in _labelled_anyway(labels):
        explored.pop(name, None)
    drawn = {name: chance for name, chance in explored.items() if chance > 0}
    names = pa.array(list(drawn), pa.string())
    places = pc.index_in(data.event_ids, value_set=names)
    known = pc.is_valid(places).to_numpy(zero_copy_only=False)
    chances = np.array([*drawn.values(), 1.0])
    found[known] = chances[pc.fill_null(places, len(drawn)).to_numpy()[known]]
    return found


def _labelled_anyway(labels: pa.Table) -> list[str]:
    """The units with a label that did not come from an alert."""
    own = labels.filter(pc.is_null(labels.column("alert_id")))
    subjects = flat(own.column("event_id"))
    if UNIT in own.column_names:
        subjects = pc.coalesce(flat(own.column(UNIT)), subjects)
    found: list[str] = subjects.drop_null().unique().to_pylist()
    return found
