"""What a run of the kill rig has done, to be quoted."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """Counts. acknowledged: requests that were answered and checked after a kill; compared: downloads."""

    name: str
    kills: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    compared: int = 0
    failpoints: Counter[str] = field(default_factory=Counter)

    def note_orders(self, obeyed: list[str]) -> None:
        """Count the failpoints where a server died."""
        for order in obeyed:
            point, moment, _count = order.split(":")
            self.failpoints[f"{point}:{moment}"] += 1

    def __str__(self) -> str:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(self.kills.items()))
        return (
            f"{self.name}: {self.kills.total():,} kills ({kinds}); {self.acknowledged:,} acknowledged"
            f" requests checked, {self.compared:,} objects downloaded and compared;"
            f" {self.failpoints.total():,} deaths at {len(self.failpoints)} failpoints; no promise broken"
        )
