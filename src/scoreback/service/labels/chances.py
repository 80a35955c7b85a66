"""Tells by which chance audits were drawn, where verdicts come without it from the SIEM."""

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.records import LABEL_COLUMNS, audit_rule_name
from scoreback.service.state.audits import audits_since
from scoreback.service.state.database import Database
from scoreback.times import EPOCH


def with_chances(database: Database, detector: str, labels: pa.Table) -> pa.Table:
    """*labels* whose verdicts on audits of *detector* have their ``propensity``, if it is known."""
    of_audits = pc.fill_null(pc.equal(labels["rule"], audit_rule_name(detector)), False)
    lacking = pc.and_(of_audits, pc.is_null(labels["propensity"]))
    if not pc.any(lacking).as_py():
        return labels
    drawn = {one.event_id: one.chance for one in audits_since(database, detector, EPOCH)}
    ids = pa.array(list(drawn), pa.string())
    place = pc.index_in(labels["event_id"].combine_chunks(), value_set=ids)
    chance = pa.array(list(drawn.values()), pa.float64()).take(place)
    name = "propensity"
    told = pc.if_else(lacking, pa.chunked_array([chance]), labels[name])
    return labels.set_column(LABEL_COLUMNS.get_field_index(name), LABEL_COLUMNS.field(name), told)
