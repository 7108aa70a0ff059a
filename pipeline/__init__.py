"""Puts ingest, models and alerts together; the only package that may import the other three."""
