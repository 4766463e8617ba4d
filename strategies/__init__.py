"""The strategy, its order managers, its signals and indicators."""
