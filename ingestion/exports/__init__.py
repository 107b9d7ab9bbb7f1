"""Files that partners export by hand from their tools: recognised by their header, read by the mapping of their source.

One YAML file a tool (`tools.py`), from a file to records by field (`tables.py`), to the rows of a feed (`opening.py`).
"""
