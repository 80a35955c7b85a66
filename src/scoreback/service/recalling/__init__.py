"""Takes a bad version back, and with it the alerts that it alone raised."""
