"""The search over a grid: kernel, finalists, trials and what they prove."""
