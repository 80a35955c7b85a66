"""Alert rules as saved searches, with and without Enterprise Security."""
