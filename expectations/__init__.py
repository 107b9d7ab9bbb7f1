"""Great Expectations at the two boundaries: what enters the warehouse, and what leaves it."""
