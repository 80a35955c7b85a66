"""Whether an index of ours was made: else the first document would make one of whatever shape."""

from scoreback.connectors.elastic.wire.client import Client
from scoreback.errors import SiemRefused


def require(client: Client, index: str) -> None:
    """Refuse to write into *index* before it was applied; asked once in the life of *client*.

    Raises:
        SiemRefused: it is not there.
    """
    if index in client.made:
        return
    found = client.call(
        "GET", f"/{index}", absent=(404,), params={"filter_path": "*.mappings._meta"}
    )
    if found is None:
        raise SiemRefused(
            f"index {index} is not there",
            hint="run `scoreback apply` once with a key that may create indices",
        )
    client.made.add(index)
