"""All kinds of jobs that `serve` runs. A new kind is a file of this package and a name below."""

from collections.abc import Mapping

from scoreback.service.serving.kinds.checking import CHECK
from scoreback.service.serving.kinds.comparing import GATE
from scoreback.service.serving.kinds.harvesting import HARVEST
from scoreback.service.serving.kinds.kind import Kind
from scoreback.service.serving.kinds.monitoring import MONITOR
from scoreback.service.serving.kinds.native_scoring import NATIVE
from scoreback.service.serving.kinds.pruning import PRUNE
from scoreback.service.serving.kinds.reconciling import RECONCILE
from scoreback.service.serving.kinds.retraining import RETRAIN
from scoreback.service.serving.kinds.scoring import SCORE
from scoreback.service.serving.kinds.settings_pages import SETTINGS
from scoreback.service.serving.kinds.training import TRAIN

_ALL = (
    SCORE, TRAIN, RETRAIN, GATE, CHECK, RECONCILE, SETTINGS, NATIVE, HARVEST, MONITOR, PRUNE,
)  # fmt: skip
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _ALL}
