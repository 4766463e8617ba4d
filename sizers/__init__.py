"""Position sizers."""
