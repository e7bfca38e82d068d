"""What OpenTelemetry is told during a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests._support.recorded_telemetry import Telemetry, providers


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    switch, telemetry = providers()
    telemetry.spans_exporter.clear()
    switch.is_on = True
    yield telemetry
    switch.is_on = False
    telemetry.spans_exporter.clear()
