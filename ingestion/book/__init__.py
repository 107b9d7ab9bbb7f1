"""The closing book: what the committee reads of one closing, as one accessible page and its PDF."""
