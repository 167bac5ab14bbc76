"""Power cuts: a file system that remembers what was synced, and what may be left of the rest."""
