"""llama.cpp's own ids, by the npm package node-llama-cpp.

    npm install --prefix DIR node-llama-cpp@3.21.1
"""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def ids(node, requests):
    """For each request, `{"file", "texts"}`, one list of ids a text; `node` is the folder that holds node_modules."""
    script = Path(node) / "llama_ids.mjs"
    shutil.copy(HERE / "llama_ids.mjs", script)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump([dict(request, file=str(Path(request["file"]).resolve())) for request in requests], file)
        file.flush()
        done = subprocess.run(["node", script, file.name], cwd=node, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout)
