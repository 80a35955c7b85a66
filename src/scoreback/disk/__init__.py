"""Our files on disk: private, written completely or not at all, and checked when read."""
