"""The meaning of colours, which can be read on light and dark backgrounds."""

from collections.abc import Mapping

# For the background of a cell or tile, and for bars. Kibana picks a matching text colour.
FILLS: Mapping[str, str] = {
    "good": "#24C292",
    "watch": "#FCD883",
    "bad": "#F66D64",
    "worst": "#C61E76",
    "grey": "#98A2B3",
    "two": "#A88BFA",
}
CALM = "calm"  # no colour
