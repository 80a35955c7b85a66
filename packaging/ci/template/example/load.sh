#!/bin/sh
# Loads the example export into the embedded SIEM of the workspace in SCOREBACK_HOME. Replace this
# script and the export with your own; docs/exports.md of Scoreback lists the supported formats.
set -eu
scoreback load "$(dirname "$0")/closed.csv" --stream alerts --time raised_at --id alert_id \
    --field rule.name=rule --field host.name=host --field labels.host_group=host_group \
    --field destination.port=dest_port --field network.kbytes=kbytes \
    --field closed.as=closed_as --field closed.at=closed_at
