"""What the app's search command scores with: models and thresholds, in collections."""
