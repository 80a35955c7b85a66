"""The learning algorithms, and trained models as plain trees or coefficients."""
