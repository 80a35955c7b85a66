"""Notes of a space, each about an alert or a timeline."""

from tests.kibana.objects.store import Json


class Notes:
    """By their ids."""

    def __init__(self) -> None:
        self.all: dict[str, Json] = {}
