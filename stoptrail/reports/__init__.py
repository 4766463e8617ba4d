"""What a person looks at after a run: the HTML report, Backtrader plots, the terminal."""
