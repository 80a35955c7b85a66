"""The closed loop on an Elasticsearch node: in one namespace undisturbed, in others killed."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scoreback.connectors.elastic import ElasticConnector
from scoreback.service.app import opened
from tests.elasticsearch.connection import connected, refresh
from tests.elasticsearch.direct import sources
from tests.integration.alike import events
from tests.integration.closed_loop_held import everything
from tests.integration.closed_loop_jobs import begin, settings_of
from tests.integration.killed_jobs import Disturbed, disturbed, prepare, story

_NAME = "cluster"  # of the connection


class OnNode:
    """A node with the events of the story, and what an undisturbed run of each job came to."""

    def __init__(self, url: str, folder: Path) -> None:
        """Play the story undisturbed on the node at *url*, from a workspace in *folder*."""
        self._url, self._folder = url, folder
        with connected(url, _NAME) as source, connected(url, _NAME) as cluster:
            source.intake.add_events("alerts", events())
            self._selection = source.intake.selection("alerts")
            self.told = list(story(self._home(cluster), held=self._held))

    @contextmanager
    def killed(self, draw: random.Random) -> Iterator[Iterator[Disturbed]]:
        """The story once more, in a namespace of its own; each job is disturbed in its turn."""
        with connected(self._url, _NAME) as cluster:
            home = self._home(cluster)
            yield self._killed(home, draw)

    def _killed(self, home: Path, draw: random.Random) -> Iterator[Disturbed]:
        for told in self.told:
            prepare(told.job, home)
            yield disturbed(told, home, draw, held=self._held)

    def _home(self, cluster: ElasticConnector) -> Path:
        """A workspace on the namespace of *cluster*, at the beginning of the story."""
        home = self._folder / cluster.given.namespace
        (home / "connections").mkdir(parents=True)
        given = {"hosts": [self._url], "namespace": cluster.given.namespace, "replicas": 0}
        text = json.dumps({"connector": "elastic", "settle": "PT0S", **given})
        (home / "connections" / f"{_NAME}.yml").write_text(text)
        with opened(settings_of(home)) as app:
            begin(app, self._selection)
        return home

    def _held(self, home: Path) -> dict[str, Any]:
        """What is there as read, and the documents that are there twice."""
        refresh(self._url, f"*{home.name}*")
        found = everything(home)
        for kind in ("scores", "health"):
            ids = Counter(hit["_id"] for hit in sources(self._url, f"scoreback.{kind}-{home.name}"))
            found[f"doubled {kind}"] = sorted(name for name, times in ids.items() if times > 1)
        return found
