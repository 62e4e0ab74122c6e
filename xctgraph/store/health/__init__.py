"""A store's health: faults found and mended, garbage collected, backups made and restored."""

from xctgraph.store.health.backup import back_up, restore
from xctgraph.store.health.doctor import Report, examine, repair
from xctgraph.store.health.fault import Fault
from xctgraph.store.health.garbage import Collected, collect

__all__ = ["Collected", "Fault", "Report", "back_up", "collect", "examine", "repair", "restore"]
