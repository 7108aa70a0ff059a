"""Which exceptions are for the user to read, and which are defects that deserve a traceback."""

from __future__ import annotations

import sys
from typing import Final

_EXPECTED: Final = (
    ("pipeline.settings", "InvalidSettings"),
    ("pipeline.health", "CannotListen"),
    ("pipeline.store.database", "StoreError"),
    ("pipeline.store.lease", "LeaseLost"),
    ("pipeline.registry.registry", "RegistryError"),
    ("pipeline.retraining.process", "TrainingFailed"),
    ("pipeline.retraining.process", "Stopped"),
    ("pipeline.retraining.run", "ChampionChanged"),
    ("pipeline.store.retraining", "TakenOver"),
    ("pipeline.labels.reading", "LabelError"),
    ("ingest.files", "IngestError"),
    ("ingest.companies", "WatchlistError"),
    ("models.encoder_files", "BackboneError"),
    ("models.card", "VersionError"),
    ("models.checkpoint", "CheckpointError"),
    ("models.taxonomy", "TaxonomyError"),
    ("models.prompts", "PromptError"),
    ("models.dataset", "DatasetError"),
)


def expected() -> tuple[type[Exception], ...]:
    """Error types whose message says what to do.

    Only of modules that have been imported: no other can have raised, and some bring torch.
    """
    return tuple(
        getattr(sys.modules[module], name) for module, name in _EXPECTED if module in sys.modules
    )
