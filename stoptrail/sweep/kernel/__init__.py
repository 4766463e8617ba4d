"""The compiled loops of a sweep: the pre-screen and the plain loop that it must equal.

They have a package of their own because rules.jit keys compiled code by the files beside
it: an edit elsewhere in sweep leaves that code valid.
"""
