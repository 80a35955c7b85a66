from datetime import UTC, datetime

import pyarrow as pa
import pytest

from scoreback.service.demo.company import (
    STREAMS,
    VERDICT_STREAMS,
    Company,
    Day,
    StreamName,
)

START = datetime(2026, 9, 7, tzinfo=UTC)


@pytest.fixture(scope="session")
def company() -> Company:
    return Company(7, START)


@pytest.fixture(scope="session")
def days(company: Company) -> dict[StreamName, list[Day]]:
    return {stream: list(company.days(stream)) for stream in STREAMS}


@pytest.fixture(scope="session")
def verdicts(company: Company) -> dict[StreamName, pa.Table]:
    return {stream: company.verdicts(stream) for stream in VERDICT_STREAMS}
