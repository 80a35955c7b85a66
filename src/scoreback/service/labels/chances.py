"""Adds the chance that a unit was drawn with, where the SIEM returns its verdict without it."""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.records import LABEL_COLUMNS, audit_rule_name, explore_rule_name
from scoreback.service.state.audits import audits_since
from scoreback.service.state.database import Database
from scoreback.service.state.explored import candidates_since
from scoreback.times import EPOCH

_NAME = "propensity"


def with_chances(database: Database, detector: str, labels: pa.Table) -> pa.Table:
    """*labels*, with the ``propensity`` of verdicts on units drawn for *detector*, where known.

    Units are drawn to be audited, or because only a shadow would show them.
    """
    for rule, since in (
        (audit_rule_name(detector), audits_since),
        (explore_rule_name(detector), candidates_since),
    ):
        of_rule = pc.fill_null(pc.equal(labels["rule"], rule), False)
        lacking = pc.and_(of_rule, pc.is_null(labels[_NAME]))
        if pc.any(lacking).as_py():
            drawn = since(database, detector, EPOCH)
            chances = {one.event_id: one.chance for one in drawn}
            labels = _filled(labels, lacking, chances)
    return labels


def _filled(labels: pa.Table, lacking: pa.ChunkedArray, chances: Mapping[str, float]) -> pa.Table:
    ids = pa.array(list(chances), pa.string())
    place = pc.index_in(labels["event_id"].combine_chunks(), value_set=ids)
    chance = pa.array(list(chances.values()), pa.float64()).take(place)
    told = pc.if_else(lacking, pa.chunked_array([chance]), labels[_NAME])
    place_of = LABEL_COLUMNS.get_field_index(_NAME)
    return labels.set_column(place_of, LABEL_COLUMNS.field(_NAME), told)
