"""Whether this installation can work: settings in, findings with what mends them out."""
