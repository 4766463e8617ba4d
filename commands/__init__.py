"""What each command does; where the packages meet."""
