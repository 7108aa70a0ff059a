"""Labels in, a better classifier out."""
