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
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder) / "asked.json", Path(folder) / "answered.json"
        asked.write_text(json.dumps([dict(request, file=str(Path(request["file"]).resolve())) for request in requests]))
        done = subprocess.run(["node", script, asked, answered], cwd=node, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr[-2000:])
        return json.loads(answered.read_text())
