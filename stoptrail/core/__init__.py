"""What every part needs and none owns: errors, times, files, databases."""
