"""The command line: one file for each command; where the packages meet."""
