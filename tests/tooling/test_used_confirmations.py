"""A confirmation serves once."""

from __future__ import annotations

from agentos_mcp.tooling.used_confirmations import UsedConfirmations


def test_confirmation_serves_once() -> None:
    used = UsedConfirmations()
    assert used.use("a", 1.0)
    assert not used.use("a", 1.0)
    assert not used.use("a", 2.0)
    assert used.use("b", 1.0)


def test_confirmation_that_is_as_old_as_a_forgotten_one_is_refused() -> None:
    used, many = UsedConfirmations(), 20_000
    assert all(used.use(f"nonce {number}", number + 1.0) for number in range(many))
    assert not used.use("nonce 0", 1.0)
    assert not used.use("late", 1.0)
    assert used.use("new", many + 1.0)
