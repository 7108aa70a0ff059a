"""The demo's news: nothing in, an invented fortnight of articles out, as the lines of a file."""

from ingest.samples.newsroom import Burst, Sentiment
from ingest.samples.stream import BURSTS, START, Kind, Sample, outlets, sample_stream, samples

__all__ = [
    "BURSTS",
    "START",
    "Burst",
    "Kind",
    "Sample",
    "Sentiment",
    "outlets",
    "sample_stream",
    "samples",
]
