"""What the columns of a table are, whose layout it is, and what its times mean."""
