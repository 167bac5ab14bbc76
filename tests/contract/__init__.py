"""Black-box tests over a real socket; nothing here imports the package under test."""
