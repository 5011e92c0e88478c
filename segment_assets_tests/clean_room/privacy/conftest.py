"""A table of people under differential privacy, rows for it, and numbers in the place of noise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from segment_assets.clean_room import rules
from segment_assets.clean_room.checker import check
from segment_assets.clean_room.circumstances import Circumstances, PrivacyBudget
from segment_assets.clean_room.collaboration import Collaboration, ConfiguredTable
from segment_assets.clean_room.embedded import EmbeddedCleanRoom
from segment_assets.clean_room.privacy.answer import answer
from segment_assets.clean_room.privacy.limits import Bounds, Limits
from segment_assets.clean_room.privacy.plan import Plan, plan

FREE = {"allowedAnalyses": ["ANY_QUERY"], "allowedAnalysisProviders": ["runner"]}
PRIVATE = FREE | {"differentialPrivacy": {"columns": [{"name": "person"}]}}
TYPES = {"person": "STRING", "state": "STRING", "spend": "DOUBLE", "visits": "BIGINT", "day": "DATE"}
LIMITS = Limits(rows=2, bounds={"spend": (0.0, 100.0), "visits": (0.0, 50.0)}, values={})
STATE = Circumstances(privacy_budget=PrivacyBudget(epsilon=3, users_noise_per_query=30))


@dataclass
class Known:
    """In the place of noise: nothing is added, and what was asked for is written down.

    Attributes:
        least: persons that a group needs to show.
        sensitivities: of every column that was given noise.
        seen: every key whose release was asked for, and its persons.
    """

    least: int = 1
    added: int = 0
    sensitivities: list[int] = field(default_factory=list)
    seen: list[int] = field(default_factory=list)

    def on(self, values: Sequence[int], sensitivity: int) -> list[int]:
        self.sensitivities.append(sensitivity)
        return [v + self.added * sensitivity for v in values]

    def keys(self, people: Mapping[str, int], groups: int) -> list[str]:
        self.seen += list(people.values())
        return [key for key, size in people.items() if size >= self.least]


def table(
    name: str = "panel", owner: str = "partner", limits: Limits | None = LIMITS, **policy: Any
) -> ConfiguredTable:
    rule = rules.from_aws("CUSTOM", (PRIVATE if limits else FREE) | policy)
    return ConfiguredTable(name, name, owner, TYPES, rule, limits=limits)


def collaboration(*tables: ConfiguredTable) -> Collaboration:
    return Collaboration("two members", "runner", "partner", {t.name: t for t in tables})


OFFERED = collaboration(table(), table("panel2"), table("shop", "runner", None))


def rows(*people: tuple[str, str | None, float, int]) -> pa.Table:
    """Rows of (person, state, spend, visits)."""
    columns = list(zip(*people, strict=True)) if people else [[], [], [], []]
    return pa.table(
        {
            "person": pa.array(columns[0], pa.string()),
            "state": pa.array(columns[1], pa.string()),
            "spend": pa.array(columns[2], pa.float64()),
            "visits": pa.array(columns[3], pa.int64()),
            "day": pa.array([None] * len(columns[0]), pa.date32()),
        }
    )


def planned(text: str, offered: Collaboration = OFFERED, bounds: Mapping[str, Bounds] | None = None) -> Plan:
    found = check(text, offered, STATE)
    assert found.verdict.decision == "ACCEPT", [str(f) for f in found.verdict.findings]
    assert found.custom
    return plan(found.custom, bounds or {})


@dataclass
class Asked:
    """A room where queries get known numbers in the place of noise."""

    room: EmbeddedCleanRoom

    def __call__(
        self,
        text: str,
        tables: Mapping[str, pa.Table] | pa.Table,
        noise: Known | None = None,
        offered: Collaboration = OFFERED,
        bounds: Mapping[str, Bounds] | None = None,
    ) -> list[dict[str, Any]]:
        given = tables if isinstance(tables, dict) else {"panel": tables}
        made = planned(text, offered, bounds)
        result = answer(made, given, self.room._execute, noise or Known(), "zcdp")
        found: list[dict[str, Any]] = result.to_pylist()
        return found


@pytest.fixture
def ask(tmp_path: Path) -> Asked:
    return Asked(EmbeddedCleanRoom(tmp_path / "scratch", memory_limit="300MB", deadline=20))
