"""How far the best of many trials can be trusted; docs/evidence.md explains each figure."""
