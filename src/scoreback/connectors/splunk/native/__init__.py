"""What the app's search command scores with: models and thresholds in force, in collections."""
