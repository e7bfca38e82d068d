"""What several tests of the server's identity share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests._support.oauth_issuer import OAuthIssuer, oauth_issuer


@pytest.fixture(scope="module")
async def issuer() -> AsyncIterator[OAuthIssuer]:
    """An OAuth issuer in this process."""
    async with oauth_issuer() as running:
        yield running
