"""Alert rules as saved searches, with Enterprise Security and without."""
