"""Pages for people, as text: incidents from stored evidence, and reports of replays."""
