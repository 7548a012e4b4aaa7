#!/usr/bin/env bash
# transformers 5.24.0 loses the rotary settings of a model that has two of them (OLMo 3, Gemma 3: one for the sliding layers, one for the
# full ones), without an error:
#   1. `rope_theta`, as version 4 writes it, reaches the full layers alone. OLMo 3 has one theta for both kinds; the sliding layers get the class's default, 500000.
#   2. One `rope_parameters` object for all layers, the form that Llama takes and that the field's type allows, is kept as it stands and used by no layer: both
#      kinds get the default theta, and no YaRN or linear scaling at all.
#
# Seen (kind and theta):                                          sliding layers     full layers
#   OLMo 3, config.json of version 4.57.6, "rope_theta": 10000    default 500000     default 10000
#   OLMo 3, rope_parameters: YaRN, theta 20000                    default 500000     default 500000
#   Gemma 3, rope_parameters: linear, theta 20000                 default 10000      default 1000000
#   Llama, rope_parameters: YaRN, theta 20000                     YaRN 20000
# An OLMo 3 whose theta is 500000 doesn't notice. 10000 is version 4's own default: a model that was made there without a word on theta rotates
# otherwise here.
#
# Needs python3 and the package registry; no torch. Leaves 0 while this is so, 1 once it has changed.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv four
python3 -m venv five
four/bin/pip install --quiet transformers==4.57.6
five/bin/pip install --quiet transformers==5.24.0
export TRANSFORMERS_VERBOSITY=error
four/bin/python - << 'PYTHON'
import json

import transformers
from transformers import Olmo3Config

Olmo3Config().save_pretrained("olmo3")
written = json.load(open("olmo3/config.json"))
print("transformers", transformers.__version__, "writes", {key: written[key] for key in sorted(written) if key.startswith("rope")})
PYTHON
five/bin/python - << 'PYTHON'
import sys

import transformers
from transformers import Gemma3TextConfig, LlamaConfig, Olmo3Config

YARN = {"rope_type": "yarn", "rope_theta": 20000.0, "factor": 4.0, "original_max_position_embeddings": 512}
LINEAR = {"rope_type": "linear", "rope_theta": 20000.0, "factor": 8.0}


def used(config):
    """Kind and theta of the sliding and of the full layers: the entries that the model classes read."""
    entries = [config.rope_parameters[layers] for layers in ("sliding_attention", "full_attention")]
    return [(entry["rope_type"], entry["rope_theta"]) for entry in entries]


found = {
    "OLMo 3, version 4's file": used(Olmo3Config.from_pretrained("olmo3")),
    "OLMo 3, one YaRN": used(Olmo3Config(rope_parameters=dict(YARN))),
    "Gemma 3, one linear": used(Gemma3TextConfig(rope_parameters=dict(LINEAR))),
}
llama = LlamaConfig(rope_parameters=dict(YARN)).rope_parameters
print("transformers", transformers.__version__, "reads")
for name, (sliding, full) in found.items():
    print(f"  {name:25} sliding {sliding[0]} {sliding[1]:<10.0f} full {full[0]} {full[1]:.0f}")
print(f"  {'Llama, one YaRN':25} {llama['rope_type']} {llama['rope_theta']:.0f}")
seen = {
    "OLMo 3, version 4's file": [("default", 500000.0), ("default", 10000.0)],
    "OLMo 3, one YaRN": [("default", 500000.0), ("default", 500000.0)],
    "Gemma 3, one linear": [("default", 10000.0), ("default", 1000000.0)],
}
same = found == seen and (llama["rope_type"], llama["rope_theta"]) == ("yarn", 20000.0)
sys.exit(0 if same else "changed: see above")
PYTHON
