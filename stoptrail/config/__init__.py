"""Settings: what strategy.toml may say, checked, and how it is read and written."""
