"""The example does what its OpenAPI description says, whatever schemathesis sends."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from django.core.management import call_command

from tests.tools import lack

CONFIG = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = 100


def test_schemathesis_has_no_finding_about_the_example(
    transactional_db, live_server, django_user_model, tmp_path
):
    if find_spec("schemathesis") is None:
        lack("No schemathesis: pip install schemathesis.")
    call_command("seed", customers=20, products=15, orders=40, verbosity=0)
    django_user_model.objects.create_user("ann", password="pw", is_staff=True)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", f"--config-file={CONFIG}", "run"),
            *("--auth=ann:pw", f"--max-examples={EXAMPLES}", "--seed=1", "--no-color"),
            f"{live_server.url}/api/schema/?format=json",
        ],
        check=False,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    assert "Tested: 1" in done.stdout, done.stdout
