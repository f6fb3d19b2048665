"""Package managers, by what they have on disk."""
