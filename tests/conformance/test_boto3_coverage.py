"""Every served operation succeeded at least once with boto3 somewhere in this run."""
import pathlib

import pytest
from conftest import succeeded
from conformance.instances import skip_without_instances
from conformance.served import COVERED, NEED_INSTANCES, NEVER_SUCCEED, served

HERE = pathlib.Path(__file__).resolve().parent


def whole_suite_runs(session):
    """False when only some tests were asked for: then nothing can be said."""
    wanted = {path for path in HERE.rglob("test_*.py") if "codec" not in path.parts}
    option = session.config.option
    return wanted <= {item.path for item in session.items} and not option.keyword and not option.markexpr


@pytest.mark.looks_back
@pytest.mark.parametrize("service", COVERED)
def test_every_served_operation(request, service):
    if not whole_suite_runs(request.session):
        pytest.skip("only a part of the suite runs")
    if service in NEED_INSTANCES:
        skip_without_instances(request.getfixturevalue("hearth"))
    untried = served(service) - NEVER_SUCCEED - {operation for name, operation in succeeded if name == service}
    assert not untried, f"no test makes these served operations of {service} succeed with boto3: {sorted(untried)}"
