"""What rules of ours carry in Elastic Security, so that people and we know them again."""

TAG = "Scoreback"  # of every rule of ours
STAGE_TAG = "Scoreback "  # then Audit or Explore: of rules that show what is to be judged
DETECTOR_TAG = "Scoreback Detector: "  # then the rule's own name, which begins with its detector's
