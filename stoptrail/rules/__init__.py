"""The single truth: every formula for indicators, stops, size and costs.

Small pure functions that plain Python calls as they are and that Numba compiles
inside its loops. This package knows NumPy and Numba's decorators, nothing else.
"""
