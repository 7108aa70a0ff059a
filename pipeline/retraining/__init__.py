"""Retraining: new labels in, a version out that is promoted only if it is measurably better."""
