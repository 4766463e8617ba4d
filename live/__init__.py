"""Paper trading on live exchange data."""
