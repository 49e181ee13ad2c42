"""
Reduce shards to 100 images. Python imports this module at startup if its folder is on PYTHONPATH.

The fixture `small_shards_everywhere` adds the folder for processes started by tests, and for their workers.
"""

import importlib.util
import sys
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import Any


class _Finder(MetaPathFinder):
    """Finds one module and changes its constant before other modules can import it."""

    def find_spec(self, name: str, path: Any, target: ModuleType | None = None) -> Any:
        if name != "digitseq.dataset.shards":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.loader is not None
        execute = spec.loader.exec_module

        def changed(module: ModuleType) -> None:
            execute(module)
            module.SHARD = 100  # type: ignore[attr-defined]

        spec.loader.exec_module = changed  # type: ignore[method-assign]
        return spec


sys.meta_path.insert(0, _Finder())
