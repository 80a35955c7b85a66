"""A trained model as a folder of plain arrays and JSON: stored, checked, scored with, explained."""
