#!/usr/bin/env bash
# In minijinja 3.1.0 the test `iterable` is true of none, and `sequence` is false of strings and maps; in Jinja 3.1.6 (what transformers renders chat
# templates with) it is the other way round. Chat templates guard their tools by `tools is iterable and tools | length > 0`: with no tools, where
# transformers passes none, such a template (Qwen3-Coder's, the Nemotron 3 ones) renders under Jinja and raises an error under minijinja.
#
# Seen:                            Jinja 3.1.6         minijinja 3.1.0
#   none is iterable               False               true
#   'text' is sequence             True                false
#   {'a': 1} is sequence           True                false
#   the guard, with tools=none     "no tools"          error: cannot calculate length of value of type none
#
# Needs cargo, python3 and the package registries. Leaves 0 while this is so, 1 once it has changed.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv env
env/bin/pip install --quiet jinja2==3.1.6
cat > templates.json << 'JSON'
["{{ none is iterable }}", "{{ 'text' is sequence }}", "{{ {'a': 1} is sequence }}",
 "{% if tools is iterable and tools | length > 0 %}tools{% else %}no tools{% endif %}"]
JSON
env/bin/python - > jinja.txt << 'PYTHON'
import json

import jinja2

for template in json.load(open("templates.json")):
    print(jinja2.Environment().from_string(template).render(tools=None).lower())
PYTHON
cargo init --quiet --vcs none --name seen
cargo add --quiet minijinja@=3.1.0 serde_json@1
cat > src/main.rs << 'RUST'
fn main() {
    let templates: Vec<String> = serde_json::from_str(&std::fs::read_to_string("templates.json").unwrap()).unwrap();
    for template in &templates {
        let shown = minijinja::Environment::new().render_str(template, minijinja::context! { tools => () });
        println!("{}", shown.unwrap_or_else(|error| format!("error: {error}")).to_lowercase());
    }
}
RUST
cargo install --quiet --debug --path . --root .
bin/seen > minijinja.txt
paste -d'|' <(env/bin/python -c 'import json; print(*json.load(open("templates.json")), sep="\n")') jinja.txt minijinja.txt
diff <(printf '%s\n' false true true 'no tools') jinja.txt
diff <(printf '%s\n' true false false) <(head -n 3 minijinja.txt)
grep -q '^error: .*length of value of type none' minijinja.txt
