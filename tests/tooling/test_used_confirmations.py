"""A confirmation serves once."""

from __future__ import annotations

import pytest

from agentos_mcp.tooling import used_confirmations
from agentos_mcp.tooling.used_confirmations import UsedConfirmations


def test_confirmation_serves_once() -> None:
    used = UsedConfirmations()
    assert used.use("a", 1.0)
    assert not used.use("a", 1.0)
    assert not used.use("a", 2.0)
    assert used.use("b", 1.0)


def test_confirmation_that_is_as_old_as_a_forgotten_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(used_confirmations, "_MAX_USED", 2)
    used = UsedConfirmations()
    assert [used.use(nonce, asked_at) for nonce, asked_at in (("a", 1.0), ("b", 2.0), ("c", 3.0))] == [True] * 3
    assert not used.use("a", 1.0)
    assert not used.use("late", 0.5)
    assert used.use("d", 1.5)
