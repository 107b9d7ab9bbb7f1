"""From what a partner drops to rows that can be counted: land, read, judge, load, answer."""
