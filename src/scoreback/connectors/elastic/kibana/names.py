"""Names on Scoreback's rules in Elastic Security, by which people and Scoreback recognise them."""

TAG = "Scoreback"  # tag of every rule of Scoreback
STAGE_TAG = "Scoreback "  # then Audit or Explore: rules that show alerts to be judged
DETECTOR_TAG = "Scoreback Detector: "  # then the rule's own name, which begins with its detector's
