"""Versions: registered whole, verified before they classify, and taken back when they fail."""
