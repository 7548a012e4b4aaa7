"""Expressions in Jinja as transformers 5.24 sets it up: writes cases.json, which tests/jinja.rs compares with.

    python adapters/hf/tests/jinja/generate.py

A case is a template and its text, or null where Jinja refuses it.
"""

import json
from pathlib import Path

from transformers.utils.chat_template_utils import _compile_jinja_template

VALUES = ["none", "nothing", "'aB c'", "''", "3", "2.5", "true", "[3, 1]", "[]", "{'b': 1}", "{}", "(1, 2)", "messages", "messages[0]", "{'b': 1}.items()"]
TESTS = ["boolean", "defined", "float", "integer", "iterable", "mapping", "none", "number", "sequence", "string", "true", "undefined"]
TEXTS = [
    "''", "'aB c'", "'  pad\\t\\n'", "'a,b,,c'", "'Straße ÉÑ'", "'42'", "'-7'", "'x=1=2'", "'line1\\nline2\\r\\nl3\\n'",
    "'they\\'re bill\\'s'", "'<think>\\nfoo</think>bar'", "'\\x1c a\\x0bb \\x1f '",
]
METHODS = [
    "capitalize()", "casefold()", "center(12)", "center(11, '*')", "count('a')", "count('')", "count('a', 1)", "count('a', 1, 2)",
    "endswith('c')", "endswith(('c', 'b'))", "endswith('a', 0, 1)", "expandtabs()", "expandtabs(4)", "find('b')", "find('a', 1)",
    "find('a', -2)", "find('')", "index('a')", "index('zz')", "isalnum()", "isalpha()", "isascii()", "isdecimal()", "isdigit()",
    "islower()", "isnumeric()", "isspace()", "istitle()", "isupper()", "join(['x', 'y'])", "join('xyz')", "join([1, 2])", "join({'p': 1})",
    "ljust(12)", "ljust(12, '.')", "lower()", "lstrip()", "lstrip('a ')", "lstrip(none)", "partition(',')", "partition('zz')",
    "partition('</think>')", "removeprefix('a')", "removesuffix('c')", "removeprefix('')", "replace('a', 'X')", "replace('', '-')",
    "replace('a', 'X', 1)", "replace('a', 'X', 0)", "replace('a', 'X', -1)", "rfind('a')", "rfind('zz')", "rindex('a')", "rindex('zz')",
    "rjust(12)", "rpartition(',')", "rpartition('zz')", "rsplit()", "rsplit(',')", "rsplit(',', 1)", "rsplit(none, 1)", "rsplit('=', 1)",
    "rsplit('</think>', 1)", "rsplit(maxsplit=1)", "rstrip()", "rstrip('c ')", "rstrip('\\n')", "split()", "split(',')", "split(',', 1)",
    "split(none, 1)", "split('=', maxsplit=1)", "split(sep=',')", "split('')", "split('a', 0)", "split(',', -1)", "split(' ')",
    "splitlines()", "splitlines(true)", "splitlines(keepends=true)", "startswith('a')", "startswith(('x', 'a'))", "startswith('B', 1)",
    "startswith('')", "strip()", "strip('a')", "strip('')", "strip(none)", "swapcase()", "title()", "upper()", "zfill(8)", "zfill(1)",
    "nosuch()", "split(',')[-1]", "split('</think>')[0].strip()",
]
OTHERS = [
    "{{ [1, 2, 1].copy() }}", "{{ [1, 2, 1].index(2) }}", "{{ [1, 2, 1].index(1, 1) }}", "{{ [1].index(9) }}", "{{ [1, 2, 1].count(1) }}",
    "{{ [1].append(2) }}", "{{ [1].pop() }}", "{{ {'a': 1}.copy() }}", "{{ {'a': 1}.copy().a }}", "{{ {'a': 1}.get('a') }}",
    "{{ {'a': 1}.get('z') }}", "{{ {'a': 1}.get('z', 7) }}", "{{ {'a': 1}.items() }}", "{{ {'a': 1}.keys() }}", "{{ {'a': 1}.values() }}",
    "{{ {'a': 1, 'b': 2}.items() | list }}", "{{ {'a': 1, 'b': 2}.keys() | list }}", "{{ {'a': 1}.items() | length }}",
    "{{ {'a': 1, 'b': 2}.values() | sum }}", "{% for k, v in {'a': 1}.items() %}{{ k }}{{ v }}{% endfor %}", "{{ {'a': 1}.pop('a') }}",
    "{{ {'a': 1}.update({'q': 1}) }}", "{{ {}.setdefault('q', 1) }}", "{{ {'a': 1}.keys() | first }}", "{{ 'a' in {'a': 1}.keys() }}",
    "{{ 'x' | int }}", "{{ 'x' | int(5) }}", "{{ 'x' | int(default=6) }}", "{{ ' 12 ' | int }}", "{{ '3.7' | int }}", "{{ [] | int }}",
    "{{ '0x1f' | int(base=16) }}", "{{ none | int }}", "{{ 'x' | float }}", "{{ ' 3.5' | float }}", "{{ {} | float(1.5) }}",
    "{{ '<a href=\"b\">\\'&/' | e }}", "{{ ['<'] | escape }}", "{{ '<' | e | e }}", "{{ ('<' | e) ~ '>' }}", "{{ raise_exception('no') }}",
    "{{ raise_exception(3) }}", "{{ debug() }}", "{{ nothing.a }}", "{{ messages[0].a.b }}", "{{ messages[9].role }}",
    "{{ messages[0].a is defined }}", "{{ messages[0].content.a }}", "a\r\nb\rc\n", "{{ 'a\r\nb\rc' }}", "{{ 'a\\r\\nb' }}", "x\r\n\r\n", "x\r",
    "{% if true %}\r\n  x\r\n{% endif %}\r\ny", "{# a\r\n #}\r\nb", "{% raw %}\n a {{ x }}\n {% endraw %}\nb",
    "{%- raw -%}\n a {%- endraw -%}\n b", "x\n  {% raw %}a{% endraw %}\n", "{% raw %}{% generation %}{% endraw %}", "{% generation %}\r\n a{% endgeneration %}", "{{ messages | tojson }}",
    "{% if tools is iterable and tools | length > 0 %}T{% endif %}", "{% if tools is not none and tools is iterable %}T{% endif %}",
    "{% if messages[0].content is not string and messages[0].content is iterable %}L{% else %}S{% endif %}",
    "{{ messages | selectattr('role', 'equalto', 'user') | list | length }}", "{{ messages | map(attribute='role') | join(', ') }}",
    "{{ messages[::-1] | map(attribute='role') | list }}", "{{ (messages | last).content[:3] }}", "{{ 'abc'[::-1] }}{{ 'abc'[-2:] }}",
    "{{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 2 ** 3 }} {{ 6 / 2 }}", "{{ 'a' * 3 ~ 1 ~ none ~ true ~ 1.0 }}", "{{ 'a' + 1 }}",
    "{{ 1.0 }} {{ 0.1 + 0.2 }} {{ 1e3 }}", "{{ [none, true, 'a', 1.5] }}", "{{ '%s' | format('a') }}{{ '{}-{}'.format('a', 1) }}",
    "{% for x in [1, 2, 3, 4] if x is even %}{{ loop.index }}{{ x }}{{ loop.last }}{% endfor %}",
    "{% for x in [1, 2, 3] %}{% if x == 2 %}{% continue %}{% endif %}{{ x }}{% endfor %}", "{% for x in [1, 2] %}{% break %}{% endfor %}",
    "{% set n = namespace(a=1) %}{% for x in [1, 2] %}{% set n.a = n.a + x %}{% endfor %}{{ n.a }}",
    "{% macro m(a, b='z') %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}{{ m(1, b=2) }}", "{% call m() %}x{% endcall %}",
    "{{ 'x\\ny' | indent(2) }}{{ ' a ' | trim }}{{ 'xax' | trim('x') }}", "{{ none | default('x') }}{{ '' | default('x', true) }}",
    "{{ {'b': 1, 'a': 2} | dictsort }}", "{{ [{'a': 2}, {'a': 1}] | sort(attribute='a') }}", "{{ ['a', 'A', 'b'] | unique | list }}",
]
CONTEXT = {"messages": [{"role": "user", "content": "Hi <b> there"}, {"role": "assistant", "content": "é \"q\""}], "tools": None}


def text(template):
    try:
        return _compile_jinja_template(template).render(**json.loads(json.dumps(CONTEXT)))
    except Exception:
        return None


def main():
    probes = ["{{ (%s) is %s }}" % (value, test) for value in VALUES for test in TESTS]
    probes += ["{{ %s.%s }}" % (value, method) for value in TEXTS for method in METHODS]
    cases = {"context": CONTEXT, "cases": [[template, text(template)] for template in probes + OTHERS]}
    path = Path(__file__).with_name("cases.json")
    lines = ",\n".join(json.dumps(case, ensure_ascii=True) for case in cases["cases"])
    path.write_text('{"context": %s, "cases": [\n%s\n]}\n' % (json.dumps(CONTEXT), lines))


main()
