"""Takes RSS and Atom feeds and gives article records; alone knows httpx and feedparser."""
