"""What answers of identity cost, beside the hash that a password costs there."""

from dataclasses import dataclass

import argon2
from cores import MEASURED
from stage import used

from parvis_identity.settings import Settings
from parvis_local.suite import Suite


@dataclass(frozen=True, slots=True)
class Spent:
    """What some answers cost: seconds by the clock, and of CPU by identity, by PostgreSQL and by all parts."""

    count: int
    seconds: float
    identity: float
    postgres: float
    everything: float

    @property
    def rate(self) -> float:
        """A second, by the clock."""
        return self.count / self.seconds

    @property
    def per_core(self) -> float:
        """For each second of CPU of identity and PostgreSQL."""
        return self.count / (self.identity + self.postgres)

    @property
    def alone(self) -> float:
        """For each second of CPU of identity's process."""
        return self.count / self.identity

    @property
    def of_all(self) -> float:
        """For each second of CPU of all parts of the suite."""
        return self.count / self.everything

    @classmethod
    def since(cls, suite: Suite, before: dict[str, float], count: int, seconds: float) -> "Spent":
        """Since a reading of `used`."""
        after = used(suite)
        identity, postgres = (after[part] - before[part] for part in MEASURED)
        return cls(count, seconds, identity, postgres, sum(after.values()) - sum(before.values()))


def hasher_of(suite: Suite) -> argon2.PasswordHasher:
    """What identity hashes with, by its own settings."""
    settings = Settings.model_construct(**{name: field.default for name, field in Settings.model_fields.items()})
    told = suite.environment("identity")
    memory, passes, lanes = (
        int(told.get(f"PARVIS_{name.upper()}", getattr(settings, name)))
        for name in ("argon2_memory_kib", "argon2_passes", "argon2_lanes")
    )
    return argon2.PasswordHasher(time_cost=passes, memory_cost=memory, parallelism=lanes)
