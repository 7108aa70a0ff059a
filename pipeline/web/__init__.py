"""Answers over HTTP, the only user of FastAPI and uvicorn: articles in (push), health out."""
