"""Checks that Scoreback's index exists: otherwise the first document would create a wrong one."""

from scoreback.connectors.elastic.wire.client import Client
from scoreback.errors import SiemRefused


def require(client: Client, index: str) -> None:
    """Refuse to write into *index* before `apply` created it; asks once per *client*.

    Raises:
        SiemRefused: the index does not exist.
    """
    if index in client.made:
        return
    found = client.call(
        "GET", f"/{index}", absent=(404,), params={"filter_path": "*.mappings._meta"}
    )
    if found is None:
        raise SiemRefused(
            f"index {index} does not exist",
            hint="run `scoreback apply` once with a key that may create indices",
        )
    client.made.add(index)
