"""Takes counts, gives scores, incidents and sent alerts; numbers in, decisions out."""
