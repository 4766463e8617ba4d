"""Databases: SQLite by default, PostgreSQL by URL."""
