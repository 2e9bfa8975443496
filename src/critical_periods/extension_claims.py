"""What we expected of the experiments beyond the paper, as claims: from its theory, before anything was measured."""

from __future__ import annotations

from critical_periods.verdicts import Claim

EXTENSION_CLAIMS: tuple[Claim, ...] = ()
