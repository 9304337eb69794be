"""That nothing leaves the machine holds for native code too, which no guard in Python sees."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from apps.settings import ROOT
from models.embedded.encoder import Encoder

SECONDS = 20
"""onnxruntime 1.31 was seen to report after nine."""
CHILD = """
import sys, time
from pathlib import Path
from models.embedded.encoder import Encoder
Encoder(Path(sys.argv[1])).query("When is payday?")
time.sleep(float(sys.argv[2]))
"""


@pytest.mark.slow
def test_the_encoders_runtime_reports_to_nobody(cache: Path, encoder: Encoder) -> None:
    """Whatever it would send goes through a proxy that is asked by nobody."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.settimeout(SECONDS + 10)
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        names = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
        environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
        command = [sys.executable, "-c", CHILD, str(cache / "tandem"), str(SECONDS)]
        with subprocess.Popen(command, cwd=ROOT, env={**environment, **dict.fromkeys(names, address)}) as child:
            assert child.wait(SECONDS + 60) == 0
        proxy.settimeout(0.1)
        with pytest.raises(TimeoutError):
            proxy.accept()
