"""What a colour says; one that reads on light and on dark."""

from collections.abc import Mapping

# Behind the text of a cell or tile, and of bars. Kibana picks the text's own colour to fit.
FILLS: Mapping[str, str] = {
    "good": "#24C292",
    "watch": "#FCD883",
    "bad": "#F66D64",
    "worst": "#C61E76",
    "grey": "#98A2B3",
    "two": "#A88BFA",
}
CALM = "calm"  # no colour
