"""Feature plans into matrices: event features, window features, units; whole and online."""
