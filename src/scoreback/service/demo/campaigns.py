"""Attack campaigns in more than one stream: same name, same plan, same machines."""

from scoreback.service.demo.behaviour import Bursts

LATERAL_MOVEMENT = Bursts(
    per_day=1.4, an_hour=4.0, hours=(1, 2), groups={"workstation": 3, "developer": 1}
)
SERVER_INTRUSION = Bursts(per_day=0.9, an_hour=4.0, hours=(1, 2), groups={"server": 1})
CLOUD_THEFT = Bursts(
    per_day=1.5, an_hour=4.0, hours=(1, 2), groups={"workstation": 2, "developer": 2}
)
