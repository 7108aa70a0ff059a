"""How full the memory of the GPU is."""

from __future__ import annotations

import torch


def memory() -> tuple[int, int] | None:
    """Bytes in use, by whomever, and bytes in all; None without a GPU that is in use here."""
    if not torch.cuda.is_available():
        return None
    if not torch.cuda.is_initialized():  # type: ignore[no-untyped-call] # torch gives it no types
        return None
    free, total = torch.cuda.mem_get_info()
    return total - free, total
