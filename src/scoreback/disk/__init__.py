"""Our files on disk: private, whole or not at all, checked when read, and honest about no room."""
