"""The exception lists of a space, in memory."""

import uuid
from dataclasses import dataclass, field
from typing import Any

from tests.kibana import times
from tests.kibana.accounts import Principal
from tests.kibana.refusals import DetectionRefusal

Body = dict[str, Any]
LIST_TYPES = (
    "detection", "rule_default", "endpoint", "endpoint_trusted_apps", "endpoint_trusted_devices",
    "endpoint_events", "endpoint_host_isolation_exceptions", "endpoint_blocklists",
)  # fmt: skip


def _stamped(user: Principal, now: float) -> Body:
    moment = times.iso(now)
    return {
        "id": str(uuid.uuid4()),
        "tie_breaker_id": str(uuid.uuid4()),
        "_version": "WzEsMV0=",
        "created_at": moment,
        "created_by": user.username,
        "updated_at": moment,
        "updated_by": user.username,
    }


@dataclass
class Lists:
    """Lists by ``list_id``, items by ``item_id``."""

    lists: dict[str, Body] = field(default_factory=dict)
    items: dict[str, Body] = field(default_factory=dict)

    def found(self, list_id: str | None = None, object_id: str | None = None) -> Body | None:
        """The list with one of the ids."""
        if list_id is not None:
            return self.lists.get(list_id)
        return next((one for one in self.lists.values() if one["id"] == object_id), None)

    def found_item(self, item_id: str | None = None, object_id: str | None = None) -> Body | None:
        """The item with one of the ids."""
        if item_id is not None:
            return self.items.get(item_id)
        return next((one for one in self.items.values() if one["id"] == object_id), None)

    def items_of(self, list_id: str) -> list[Body]:
        """The items of a list."""
        return [one for one in self.items.values() if one["list_id"] == list_id]

    def create(self, given: Body, user: Principal, now: float) -> Body:
        """Keep a new list.

        Raises:
            DetectionRefusal: Its ``list_id`` is taken (409).
        """
        list_id = given.get("list_id") or str(uuid.uuid4())
        if list_id in self.lists:
            raise DetectionRefusal(409, f'exception list id: "{list_id}" already exists')
        whole = {
            "namespace_type": "single",
            "os_types": [],
            "tags": [],
            "version": 1,
            "immutable": False,
            **given,
            "list_id": list_id,
            **_stamped(user, now),
        }
        self.lists[list_id] = whole
        return whole

    def create_item(self, given: Body, user: Principal, now: float) -> Body:
        """Keep a new item.

        Raises:
            DetectionRefusal: Its list is not there (404), or its ``item_id`` is taken (409).
        """
        if given["list_id"] not in self.lists:
            raise DetectionRefusal(404, f'exception list id: "{given["list_id"]}" does not exist')
        item_id = given.get("item_id") or str(uuid.uuid4())
        if item_id in self.items:
            raise DetectionRefusal(409, f'exception list item id: "{item_id}" already exists')
        whole = {
            "namespace_type": "single",
            "os_types": [],
            "tags": [],
            "comments": [],
            **given,
            "item_id": item_id,
            **_stamped(user, now),
        }
        self.items[item_id] = whole
        return whole

    def remove(self, list_id: str) -> None:
        """Remove a list with its items."""
        del self.lists[list_id]
        for item in self.items_of(list_id):
            del self.items[item["item_id"]]
