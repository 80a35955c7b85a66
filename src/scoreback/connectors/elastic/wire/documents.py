"""Lines of bulk requests, column by column: no object per row is made."""

from collections.abc import Mapping

import pyarrow as pa

from scoreback.connectors.json.documents import joined, object_parts


def actions(
    kind: str, columns: Mapping[str, pa.Array | pa.ChunkedArray], sources: pa.Array
) -> pa.Array:
    """Lines of a bulk request: *kind* with its metadata, then the source; one text a row."""
    head = object_parts(columns, {}, ())
    return joined([f'{{"{kind}":', *head, "}\n", sources, "\n"], len(sources))


def creations(
    ids: pa.Array | pa.ChunkedArray,
    columns: Mapping[str, pa.Array | pa.ChunkedArray],
    constants: Mapping[str, object],
) -> pa.Array:
    """What `actions` gives for creating the documents under *ids*, written in one go."""
    head = object_parts({"_id": ids}, {}, ())
    source = object_parts(columns, constants, ())
    return joined(['{"create":', *head, "}\n", *source, "\n"], len(ids))
