"""The scheduler: which job is due when, and what it does."""
