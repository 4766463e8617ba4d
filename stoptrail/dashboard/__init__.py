"""Paper sessions and finished runs in a browser; see docs/dashboard.md."""
