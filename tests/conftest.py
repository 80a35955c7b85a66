"""What holds for every folder of tests: fixtures, and how Hypothesis goes about its examples."""

import os

from hypothesis import HealthCheck, settings

pytest_plugins = [
    "tests.elasticsearch.fixtures",
    "tests.elasticsearch.doors",
    "tests.kibana.fixtures",
    "tests.opensearch.fixtures",
    "tests.splunkd.fixtures",
]

# GNU readline, which pytest loads, tells what is started that the screen has 80 columns; tests say
# how wide it is where it matters.
os.environ.pop("COLUMNS", None)

# A shared machine has slow moments; how long an example takes is not a part of any law.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
