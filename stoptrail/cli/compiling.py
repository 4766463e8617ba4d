"""What a sweep begins before it reads anything: this module imports nothing that takes long."""

from __future__ import annotations


def compile_ahead() -> bool:
    """Begin to compile the pre-screen in a process of its own, if that was not begun before;
    whether there is compiling to do."""
    from stoptrail.sweep.kernel import precompile

    return precompile.start()
