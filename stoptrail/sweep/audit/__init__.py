"""Whether an entry signal looks ahead, and whether it says when it is warm."""
