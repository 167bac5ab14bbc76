"""Text to syntax: a parser with the precedence of PostgreSQL 15. `source` is where to begin."""
