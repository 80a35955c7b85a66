"""By which chance each unit of a comparison was shown, so that its verdict stands for others."""

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
    """The chance of each unit of *data* that people saw it; shape (units,).

    It is 1 of what the champion alerted of, and of what was labelled without an alert: by a field,
    or as part of an incident. A unit that only a shadow would show has the chance that it was
    explored or audited; an audit that no shadow would show stands for itself.

    Args:
        database: of the state.
        detector: its name.
        data: the units that are compared.
        labels: of them, as `read_training_data` gives them.
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
    """The units that have a label which came of no alert."""
    own = labels.filter(pc.is_null(labels.column("alert_id")))
    subjects = flat(own.column("event_id"))
    if UNIT in own.column_names:
        subjects = pc.coalesce(flat(own.column(UNIT)), subjects)
    found: list[str] = subjects.drop_null().unique().to_pylist()
    return found
