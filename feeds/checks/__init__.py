"""What candles say of each other: seams, doubled rows, volumes, what is odd."""
