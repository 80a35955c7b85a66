"""Harvests verdicts, quarantines doubtful ones, and adds the chances that units were drawn with."""
