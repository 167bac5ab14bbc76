"""PostgreSQL's regular expressions, matched in linear time. `match` is where to begin."""
