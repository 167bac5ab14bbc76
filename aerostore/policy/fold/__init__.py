"""What is left of a typed expression once a request is known. `folding` is where to begin."""
