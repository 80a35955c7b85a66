"""Lines of bulk requests, made column by column without an object per row."""

from collections.abc import Mapping

import pyarrow as pa

from scoreback.connectors.json.documents import joined, object_parts


def actions(
    kind: str, columns: Mapping[str, pa.Array | pa.ChunkedArray], sources: pa.Array
) -> pa.Array:
    """Lines of a bulk request: *kind* with its metadata, then the source; one text per row."""
    head = object_parts(columns, {}, ())
    return joined([f'{{"{kind}":', *head, "}\n", sources, "\n"], len(sources))


def creations(
    ids: pa.Array | pa.ChunkedArray,
    columns: Mapping[str, pa.Array | pa.ChunkedArray],
    constants: Mapping[str, object],
) -> pa.Array:
    """The result of `actions` for creating the documents *ids*, written in one go."""
    head = object_parts({"_id": ids}, {}, ())
    source = object_parts(columns, constants, ())
    return joined(['{"create":', *head, "}\n", *source, "\n"], len(ids))
