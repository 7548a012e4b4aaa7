"""Makes the small chat tokenizers of this folder, one of each family, and what transformers makes of them.

    pip install transformers jinja2
    python generate.py

The tokenizers are trained on the few lines below; the templates have the features and control tokens of their families. The day that
`strftime_now` speaks of is frozen: it is 2026-01-31, for each conversation that says so under "date".
"""

import datetime
import json
import shutil
from pathlib import Path

import transformers
from jinja2.exceptions import TemplateError
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer
from transformers.utils import chat_template_utils

HERE = Path(__file__).parent
TODAY = "2026-01-31"


class Frozen(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromisoformat(TODAY)


chat_template_utils.datetime = Frozen

LATIN = [
    "The quick brown fox jumps over the lazy dog, and the dog does not mind at all.",
    "What is 17 * 23? It is 391, because 17 * 20 = 340 and 17 * 3 = 51.",
    "Is the answer 1024 or 4096? Think step by step, then write the final answer.",
    "Your answer may or may not be right. Look at it again and correct it.",
    "Are you sure that it's right? I'm sure; they've checked, we'll see, he'd know.",
    "for i in range(10):\n    if i % 2 == 0:\n        print(f\"{i} is even\")",
    "fn main() {\n    let x: u32 = 3;\n    println!(\"{}\", x + 1);\n}",
    "x^2 + 2*x - 3 = 0, so x = (-2 + 4) / 2 = 1 or x = -3.",
    "{\"name\": \"add\", \"arguments\": {\"a\": 1, \"b\": 2.5}}",
    "You are a careful tutor. The user asks, the assistant answers.",
    "<think>\nFirst the tens, then the ones.\n</think>\n\nThe sum is 82.",
    "Où est l'été? Le garçon a déjà mangé la crème brûlée à la fenêtre.",
    "Größe, Öl und Übermut; señor, mañana; smörgåsbord; naïve façade.",
    "0123456789 10 20 30 40 50 60 70 80 90 100",
]
BEYOND = [
    "数学は楽しい。今日は何曜日ですか?",
    "Привет, мир! Сколько будет дважды два?",
    "Ελληνικά, العربية, हिन्दी, 한국어",
    "🙂 👍 🎉 → ≤ ≠ √ π",
]

SAMPLES = [
    "", " ", "\n", "   ", " \n \n\n  ", "The answer is 391.", "  two spaces before, one behind ", "tabs\tand\r\nlines\n\n\nand trailing blanks   \n",
    "1234567890 + 98765 = 1234666655; 3.14159, 1e-9, 50%", "it's IT'S they'll THEY'LL we've I'm you'd don't DON'T",
    "def f(x):\n    # a comment\n\treturn x ** 2 if x else None\n", "Où est l'été? Größe, naïve façade.", "e\u0301te\u0301 (decomposed), ﬁ ligature, x²",
    "数学は楽しい。 Привет, мир! العربية हिन्दी 한국어", "🙂 family: 👩‍👩‍👧 flag: 🇫🇮 thumb: 👍🏽", "zero\u200bwidth, no\u00a0break, bell \u0007, \u2028 separator",
    "▁ underscore ▁▁ blocks", "<0x41> <0xE2> are not bytes", "{{ not }} {% a %} template",
]


def byte_level(pattern, control, size, normalizer=None, ignore_merges=False, begin=None):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer:
        tokenizer.normalizer = normalizer
    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=size - len(control), initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(LATIN + BEYOND, trainer)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.add_tokens([AddedToken(token, special=special, normalized=False) for token, special in control.items()])
    if begin:
        first = processors.TemplateProcessing(single=f"{begin} $A", pair=f"{begin} $A {begin} $B", special_tokens=[(begin, tokenizer.token_to_id(begin))])
        tokenizer.post_processor = processors.Sequence([tokenizer.post_processor, first])
    return tokenizer


def byte_fallback(control, size, begin, normalizer, pre_tokenizer, strip):
    """As SentencePiece's tokenizers look in this format: control tokens first, then 256 bytes for all that has no piece of its own."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always" if strip else "never")
    first = [*control, *(f"<0x{byte:02X}>" for byte in range(256))]
    trained.train_from_iterator(LATIN, trainers.BpeTrainer(vocab_size=size - len(first), initial_alphabet=["▁"], show_progress=False))
    model = json.loads(trained.to_str())["model"]
    pieces = sorted(model["vocab"], key=model["vocab"].get)
    vocab = {piece: number for number, piece in enumerate(first + pieces)}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[tuple(m) for m in model["merges"]], unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    parts = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence(parts + ([decoders.Strip(" ", 1, 0)] if strip else []))
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{begin} $A", pair=f"{begin} $A {begin} $B",
                                                            special_tokens=[(begin, vocab[begin])])
    tokenizer.add_tokens([AddedToken(token, special=special, normalized=False) for token, special in control.items()])
    return tokenizer


QWEN2 = r"(?i:'(?:s|t|re|ve|m|ll|d))|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = QWEN2.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"

CHATML = r"""{% for message in messages %}{% if loop.first and message['role'] != 'system' %}{{ '<|im_start|>system
You answer briefly and check your work.<|im_end|>
' }}{% endif %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"""

LLAMA_HEAD = r"""{{- bos_token }}
{%- if date_string is not defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now('%d %b %Y') %}
    {%- else %}
        {%- set date_string = '01 Jan 2025' %}
    {%- endif %}
{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set instruction = messages[0]['content'] | trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set instruction = '' %}
{%- endif %}
{{- '<|start_header_id|>system<|end_header_id|>\n\n' }}
{{- 'Today is ' + date_string + '.\n\n' }}
"""
LLAMA_TURNS = r"""
{%- for message in messages %}
    {%- if message.role == 'tool' %}
        {{- '<|start_header_id|>ipython<|end_header_id|>\n\n' }}
        {{- message.content if message.content is string else message.content | tojson }}
        {{- '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if message.tool_calls | length != 1 %}
            {{- raise_exception('One call at a time.') }}
        {%- endif %}
        {%- set call = message.tool_calls[0].function %}
        {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
        {{- '{"name": "' + call.name + '", "parameters": ' }}{{ call.arguments | tojson }}{{- '}<|eot_id|>' }}
    {%- else %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
{%- endif %}
"""
LLAMA_DEFAULT = LLAMA_HEAD + "{{- instruction + '<|eot_id|>' }}" + LLAMA_TURNS
LLAMA_TOOLS = LLAMA_HEAD + r"""{{- 'Answer with a call where one helps. The functions:\n\n' }}
{%- for tool in tools %}
    {{- tool | tojson(indent=4) }}
    {{- '\n\n' }}
{%- endfor %}
{{- instruction + '<|eot_id|>' }}
""" + LLAMA_TURNS

GEMMA = r"""{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('No system role here.') }}{% endif %}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('The roles must alternate: user, assistant, user, ...') }}{% endif %}{% if message['role'] == 'assistant' %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"""

MISTRAL = r"""{#- The instruction, if there is one, goes into the first user turn. #}
{%- if messages[0].role == 'system' %}
    {%- set instruction = messages[0].content %}
    {%- set turns = messages[1:] %}
{%- else %}
    {%- set turns = messages %}
{%- endif %}
{{- bos_token }}
{%- for turn in turns %}
    {%- if (turn['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('After the optional system message, turns go user, assistant, user, and so on.') }}
    {%- endif %}
    {%- if turn['role'] == 'user' %}
        {%- if loop.first and instruction is defined %}
            {{- ' [INST] ' + instruction + '\n\n' + turn['content'] + ' [/INST]' }}
        {%- else %}
            {{- ' [INST] ' + turn['content'] + ' [/INST]' }}
        {%- endif %}
    {%- elif turn['role'] == 'assistant' %}
        {{- ' ' + turn['content'] + eos_token }}
    {%- else %}
        {{- raise_exception('Unknown role: ' + turn['role'] + '.') }}
    {%- endif %}
{%- endfor %}
"""

THINKING = r"""{%- if messages[0].role == 'system' %}
    {{- '<|im_start|>system\n' + messages[0].content + '<|im_end|>\n' }}
{%- endif %}
{%- set seen = namespace(question=messages|length - 1, searching=true) %}
{%- for message in messages[::-1] %}
    {%- if seen.searching and message.role == 'user' %}
        {%- set seen.question = messages|length - 1 - loop.index0 %}
        {%- set seen.searching = false %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- set content = message.content if message.content is string else '' %}
    {%- if message.role == 'user' or (message.role == 'system' and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\n' + content + '<|im_end|>' + '\n' }}
    {%- elif message.role == 'assistant' %}
        {%- set thoughts = '' %}
        {%- if message.reasoning_content is string %}
            {%- set thoughts = message.reasoning_content %}
        {%- elif '</think>' in content %}
            {%- set thoughts = content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\n') %}
        {%- endif %}
        {%- if loop.index0 > seen.question and (loop.last or thoughts) %}
            {{- '<|im_start|>assistant\n<think>\n' + thoughts.strip('\n') + '\n</think>\n\n' + content.lstrip('\n') }}
        {%- else %}
            {{- '<|im_start|>assistant\n' + content }}
        {%- endif %}
        {{- '<|im_end|>\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\n\n</think>\n\n' }}
    {%- endif %}
{%- endif %}
"""

FEATURES = r"""{#- What the templates of the wild are made of. The variable `section` picks a part; without it, the messages are written. -#}
{%- macro wrap(text, left='[', right=']') -%}
    {{ left ~ text ~ right }}
{%- endmacro -%}
{%- macro plain(content) -%}
    {%- if content is string -%}
        {{- content -}}
    {%- elif content is mapping -%}
        {{- content.text -}}
    {%- elif content is iterable and content is not string -%}
        {%- for part in content -%}
            {%- if part is string -%}
                {{- part -}}
            {%- elif part.type == 'text' -%}
                {{- part.text -}}
            {%- else -%}
                {{- '<' + part['type'] | upper + '>' -}}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro -%}
{%- set part = section | default('messages') -%}
{%- if part == 'messages' -%}
{{ bos_token }}
{%- for message in messages %}
    {%- if message.role not in ['system', 'user', 'assistant', 'tool'] %}
        {{- raise_exception('Unknown role: ' ~ message.role) }}
    {%- endif %}
    {%- if message.role == 'assistant' %}
        {{- '<|' + message.role + '|>\n' }}
        {%- generation %}
        {{- plain(message.content) + eos_token + '\n' }}
        {%- endgeneration %}
    {%- else %}
        {{- '<|' + message.role + '|>\n' + plain(message.content) + '\n' }}
    {%- endif %}
{%- endfor %}
{{- '<|assistant|>\n' if add_generation_prompt }}
{%- elif part == 'generation' -%}
{% for message in messages %}
    {% if message.role == 'assistant' %}
        {% generation %}
        {{ message.content }}
        {% endgeneration %}
    {% else %}
{{ message.content }}
{% generation %}{% endgeneration %}{%- generation -%}   tight   {%- endgeneration -%}
    {% endif %}
{% endfor %}
{%- elif part == 'generation scope' -%}
{% set word = 'before' %}{% generation %}{% set word = 'inside' %}{{ word }}{% endgeneration %} {{ word }}
{%- elif part == 'json' -%}
{{ data | tojson }}
{{ data.nested | tojson(indent=4) }}
{{ data.nested | tojson(indent=2) }}
{{ data.text | tojson }} {{ data.number | tojson }} {{ data.whole | tojson }} {{ none | tojson }} {{ true | tojson }} {{ [] | tojson }} {{ {} | tojson }}
{{ {'b': 1, 'a': [2, none, false]} | tojson }}
{{ messages[0] | tojson }} {{ ('a"b' ~ '\\n') | tojson }}
{{- tools | tojson if tools }}
{%- elif part == 'json numbers' -%}
{{ data.numbers | tojson }}
{%- elif part == 'json options' -%}
{{ data | tojson(ensure_ascii=true) }}
{{ data | tojson(sort_keys=true) }}
{{ data.nested | tojson(separators=(',', ':')) }}
{{ data.empty | tojson(indent=2) }}
{%- elif part == 'strings' -%}
{%- set s = data.text -%}
{{ s.strip() }}|{{ s.lstrip() }}|{{ s.rstrip() }}|{{ s | trim }}|{{ 'xxaxx'.strip('x') }}|{{ '\n\na\n'.lstrip('\n') }}|
{{ s.upper() }}|{{ s.lower() }}|{{ 'a fine day' | title }}|{{ 'a fine day'.title() }}|{{ 'a fine DAY'.capitalize() }}|{{ 'x' | upper }}|
{{ s.strip().startswith('What') }} {{ s.endswith('?') }} {{ 'ab' in s }} {{ 'ab' not in s }}|{{ s.replace('a', 'A') }}|{{ 'a-b-c' | replace('-', '+') }}|
{{ 'a,b,,c'.split(',') | join(';') }}|{{ '  a  b '.split() | join(';') }}|{{ 'k=v=w'.split('=', 1) | last }}|{{ 'a\nb\n'.splitlines() | length }}|
{{ s.strip()[0] }}{{ s.strip()[-1] }}{{ s.strip()[2:6] }}{{ s.strip()[::-1] }}{{ 'é数🙂'[1:] }} {{ 'é数🙂' | length }}|{{ s.find('is') }}|{{ 'banana'.count('an') }}|
{{ 'a' ~ 1 ~ 'b' ~ (2 + 3) + 'c' }}|{{ 'a' + 'b' * 2 }}|{{ '-'.join(['x', 'y']) }}|{{ 'it\'s "quoted"' }}|{{ "tab\there" }}|{{ 'back\\slash' }}
{%- elif part == 'loops' -%}
{% for message in messages %}
{{ loop.index0 }}/{{ loop.index }}/{{ loop.revindex }}/{{ loop.length }} {{ message.role }}{{ ' first' if loop.first }}{{ ' last' if loop.last }}{% if loop.previtem is defined %} after {{ loop.previtem.role }}{% endif %}{% if loop.nextitem is defined %} before {{ loop.nextitem.role }}{% endif %} {{ loop.cycle('odd', 'even') }}
{% else %}
nobody
{% endfor %}
{% for n in range(10) %}{% if n == 2 %}{% continue %}{% endif %}{% if n > 4 %}{% break %}{% endif %}{{ n }},{% endfor %}

{% for message in messages if message.role == 'user' %}{{ loop.index }}:{{ message.content }};{% endfor %}

{% for key, value in data.items() %}{{ key }}={{ value }} {% endfor %}{{ data.keys() | list | join(',') }} {{ data.values() | list | length }}
{% for key in data %}{{ key }}{% endfor %}|{% for nothing in [] %}{% else %}empty{% endfor %}

{% set ns = namespace(count=0, found=none) %}{% for message in messages %}{% set ns.count = ns.count + 1 %}{% set lost = loop.index %}{% if message.role == 'assistant' and ns.found is none %}{% set ns.found = message.content %}{% endif %}{% endfor %}{{ ns.count }} {{ ns.found }} {{ lost is defined }}
{% for outer in [1, 2] %}{% for inner in 'ab' %}{{ outer }}{{ inner }}{{ loop.index }} {% endfor %}{{ loop.index }}. {% endfor %}
{%- elif part == 'lists' -%}
{{ messages | length }} {{ messages | map(attribute='role') | join(', ') }} {{ messages | map(attribute='role') | unique | list | length }}
{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | list | join(' & ') }} {{ messages | rejectattr('role', 'equalto', 'user') | list | length }}
{{ messages | selectattr('name', 'defined') | list | length }} {{ (messages | selectattr('role', '==', 'user') | list)[-1].content }}
{{ messages[0].role }} {{ messages[-1]['content'] }} {{ messages[1:] | length }} {{ messages[:-1] | length }} {{ messages[::2] | map(attribute='role') | join }} {{ messages[::-1] | map(attribute='content') | join('<') }}
{{ data.get('missing', 'fallback') }} {{ data.get('a') }} {{ data.missing is defined }} {{ data['a'] }} {{ 'a' in data }} {{ 'z' in data }} {{ 'z' not in data }}
{{ ([1, 2] + [3]) | join('+') }} {{ [3, 1, 2] | sort | join }} {{ [3, 1, 2] | first }}{{ [3, 1, 2] | last }} {{ [3, 1, 2] | max }}{{ [3, 1, 2] | sum }} {{ [1, 2, 3] | reverse | join }} {{ ['b', 'A'] | map('upper') | join }} {{ 2 in [1, 2] }}
{{ data | dictsort | map('first') | join }} {{ data | items | list | length }} {{ (1, 'x')[1] }} {{ dict(a=1, b='c').b }} {{ [[1, 2], [3]] | map('length') | join('/') }}
{%- elif part == 'tests' -%}
{{ 'x' is string }} {{ 1 is string }} {{ messages is iterable }} {{ 'x' is iterable }} {{ messages is mapping }} {{ messages[0] is mapping }} {{ messages is sequence }} {{ 1 is number }} {{ true is boolean }} {{ 1 is integer }} {{ 1.5 is float }}
{{ nothing is defined }} {{ nothing is undefined }} {{ none is none }} {{ false is false }} {{ true is true }} {{ 0 is false }} {{ 4 is even }} {{ 4 is odd }} {{ 9 is divisibleby 3 }} {{ 1 is not none }} {{ 2 is eq(2) }} {{ 'b' is in(['a', 'b']) }}
{{ 'yes' if nothing else 'no' }} {{ nothing }}|{{ '' or 'other' }}|{{ 'a' and 'b' }}|{{ not '' }}|{{ nothing | default('given') }}|{{ '' | default('given', true) }}|{{ messages[0].absent is defined }}|{{ messages[0].absent }}|
{{ 7 // 2 }} {{ 7 % 3 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 2 ** 5 }} {{ 7 / 2 }} {{ 1 < 2 <= 2 }} {{ 1 == 1.0 }} {{ 'a' < 'b' }} {{ tools is none }} {{ documents is defined }} {{ add_generation_prompt is true }}
{{ '12' | int + 1 }} {{ '2.5' | float }} {{ 3.7 | int }} {{ 5 | string + '!' }} {{ -5 | abs }} {{ 2.5 | round | int }} {{ 'a' if true else 'b' if false else 'c' }}
{%- elif part == 'blocks' -%}
{% raw %}{{ not.rendered }} {% neither %} {# nor this #}{% endraw %}|
{% set captured %}{{ messages[0].role }}: {{ messages[0].content | trim }}{% endset %}{{ captured }} {{ captured | length }} {{ captured is string }}|
{% set loud | upper %}captured, {{ 'then filtered' }}{% endset %}{{ loud }}|{% filter upper %}filtered{% endfilter %}|
{{ wrap('a') }}{{ wrap('b', '<') }}{{ wrap('c', right='>') }}{{ wrap(text='d', left='(', right=')') }}{{ wrap(wrap('e')) }}|
{% macro sum_of(a, b=2) %}{{ a + b }}{% endmacro %}{{ sum_of(1) }}{{ sum_of(1, b=5) }}|{% macro down(n) %}{{ n }}{% if n > 0 %}{{ down(n - 1) }}{% endif %}{% endmacro %}{{ down(3) }}|
{% with x = 1, y = 2 %}{{ x + y }}{% endwith %}{{ x is defined }}|{% set a, b = 1, 2 %}{{ a }}{{ b }}|{% if true %}{% set leaked = 'leaks' %}{% endif %}{{ leaked }}|{% set messages = messages[1:] %}{{ messages | length }}
{%- elif part == 'blocks from outside' -%}
{% macro peek() %}{{ messages | length }}{{ eos_token }}{% endmacro %}{{ peek() }}{% macro caller_of() %}<{{ caller() }}>{% endmacro %}{% call caller_of() %}called{% endcall %}
{%- elif part == 'whitespace' -%}
    {% if true %}
    kept indent
    {% endif %}
	{% if true %}
	tab kept
	{% endif %}

  {# a comment on a line of its own #}
after the comment {# within a line #} more
  text {% if true %} before a tag {% endif %} behind  
{{ 'the line after an expression' }}
  {{ 'an indented expression' }}  
{%- if true %}  
left cut {%- endif %}

{% if true -%}

    right cut
{%- endif -%}

   both {{- ' expression ' -}} cut
  {%+ if true %}indent kept by plus{% endif %}
{% for n in [1, 2] %}
  {{ n }}
{% endfor %}
{% set unseen = 1 %}
  {% set unseen = 2 %}  
{% if true +%}
newline kept by plus
{% endif %}
end
{%- elif part == 'printing' -%}
{{ true }} {{ false }} {{ none }} {{ 1.0 }} {{ 0.1 + 0.2 }} {{ 1 }} {{ -3 }} {{ 10 / 5 }} {{ 'x: ' ~ true }} {{ 'y: ' ~ none }}
{%- elif part == 'printing lists' -%}
{{ [1, 'a', none, true, 2.0] }} {{ {'a': 'it\'s', "b": [1]} }} {{ ['say "hi"', 'new\nline', 'é🙂'] }} {{ data }} {{ [] }} {{ {} }} {{ (1, 2) }}
{%- elif part == 'formatting' -%}
{{ '%s has %d' | format('x', 3) }} {{ '%.2f' | format(3.14159) }} {{ '{} and {}'.format(1, 'b') }} {{ 'one\ntwo' | indent(2) }} {{ 'one\ntwo' | indent(2, true) }} {{ 'x' | safe }} {{ '<&>' | e }}
{%- elif part == 'printing great floats' -%}
{{ 1e20 }} {{ 1.5e-7 }} {{ 1e15 }} {{ 1e16 }}
{%- elif part == 'percent' -%}
{{ '%s-%s' % ('a', 1) }}
{%- elif part == 'wordcount' -%}
{{ 'a b c' | wordcount }}
{%- elif part == 'no number' -%}
{{ 'x' | int }} {{ 'x' | int(7) }} {{ '1.9' | int }} {{ 'x' | float }}
{%- elif part == 'callable' -%}
{{ wrap is callable }} {{ 'x' is callable }}
{%- elif part == 'dates' -%}
{{ strftime_now('%Y-%m-%d') }}|{{ strftime_now('%d %B %Y') }}|{{ strftime_now('%A, %b %d, %y') }}|{{ strftime_now('%j %m/%d/%Y %%') }}
{%- endif -%}
"""


def ask(*contents, system=None):
    messages = [{"role": "system", "content": system}] if system is not None else []
    return messages + [{"role": ["user", "assistant"][i % 2], "content": content} for i, content in enumerate(contents)]


def conversations(control, system=True):
    """What every family is shown: (messages, add_generation_prompt, variables)."""
    again = "Your answer may or may not be right. Look at it again."
    lines = "First the tens:\n\n    17 * 20 = 340\n\nthen the ones:\n\t17 * 3 = 51\n\nThe sum is 391.\n"
    cases = [
        (ask("What is 17 * 23?"), True),
        (ask("What is 17 * 23?"), False),
        (ask("What is 17 * 23?", "391"), False),
        (ask("What is 17 * 23?", "381", again), True),
        (ask("What is 17 * 23?", "381", again, "389", again), True),
        (ask("  What is 17 * 23?\n", " \n 381 \n\n", "\n\n  Are you sure?  "), True),
        (ask("Show your\nwork.", lines, again), True),
        (ask("", "", again), True),
        (ask("Où est l'été? 数学は楽しい 🙂", "Ελληνικά 👩‍👩‍👧, e\u0301té\u00a0!", "Привет 🎉"), True),
        (ask("What do " + " and ".join(control) + " mean?\n" + "\n".join(control)), True),
        (ask("Fill in {{ bos_token }} and {% if x %}, {# please #}.", "f\"{x}\" \\n \\ 'a' \"b\" <b>&amp;</b>", "\tend\r\n"), True),
    ]
    if system:
        cases += [(ask("What is 17 * 23?", system="You are a careful tutor."), True), (ask("What is 17 * 23?", "391", again, system=" Be brief.\n"), True)]
    return [(*case, {}) for case in cases]


ADD = {"type": "function", "function": {"name": "add", "description": "Adds \"a\" & b, <quickly>: é.", "parameters": {
    "type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}, "required": ["a", "b"]}}}
CALL = [*ask("What is 1 + 2.5?"), {"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": "add", "arguments": {"b": 2.5, "a": 1}}}]},
        {"role": "tool", "content": {"sum": 3.5}}]
THOUGHT = "<think>\nTens, then ones.\n</think>\n\n391"
DATA = {"text": " What is \"<b>é</b>\" & 数学 🙂?\t", "number": 0.5, "whole": 3, "none": None, "true": True, "nested": {"z": [1, [2, {"deep": []}], {}], "a": {"x": "line\nbreak \\ / \u2028 \u0007 \x7f"}}}
NUMBERS = {"numbers": [0, -1, 1.0, -0.5, 0.1, 1e-7, 1e20, 1.5e300, 123456789012345680.0, 1e16, 0.0001, 9007199254740993, 18446744073709551615]}
PARTS = [{"role": "user", "content": [{"type": "text", "text": "Look: "}, {"type": "image"}, {"type": "text", "text": "what is it?"}]},
         {"role": "assistant", "content": {"text": "A fox."}}, {"role": "user", "content": ["Are ", "you sure?"]}]


def section(name, messages=None, data=None, prompt=False, **more):
    return (messages or ask("What is 17 * 23?", "381", "Look again."), prompt, {"section": name} | ({"data": data} if data else {}) | more)


WORDS = {"text": "  What is a table?\n"}
PAIRS = {"a": 1, "b": "two", "c": 3}
ALL_SECTIONS = [
    (PARTS, True, {}), (PARTS[:2], False, {}), section("generation"), section("generation scope"), section("json", data=DATA), section("json", data=DATA, tools=[ADD]),
    section("json numbers", data=NUMBERS), section("json options", data=DATA | {"empty": {}}), section("strings", data=WORDS), section("loops", data=PAIRS),
    section("lists", data=PAIRS), section("tests", prompt=True), section("tests"), section("blocks"), section("blocks from outside"), section("whitespace"), section("printing"),
    section("printing lists", data=PAIRS), section("formatting"), section("printing great floats"), section("percent"), section("wordcount"), section("no number"), section("callable"),
    section("dates"),
]

SEQUENCE, REPLACE = normalizers.Sequence, normalizers.Replace(" ", "▁")
CONTROL = {
    "chatml": {"<|endoftext|>": True, "<|im_start|>": True, "<|im_end|>": True},
    "llama3": {"<|begin_of_text|>": True, "<|end_of_text|>": True, "<|start_header_id|>": True, "<|end_header_id|>": True, "<|eot_id|>": True},
    "gemma": {"<pad>": True, "<eos>": True, "<bos>": True, "<unk>": True, "<start_of_turn>": True, "<end_of_turn>": True},
    "mistral": {"<unk>": True, "<s>": True, "</s>": True},
    "thinking": {"<|endoftext|>": True, "<|im_start|>": True, "<|im_end|>": True, "<think>": False, "</think>": False},
    "features": {"<unk>": True, "<s>": True, "</s>": True, "<|system|>": True, "<|user|>": True, "<|assistant|>": True},
}
TOKENIZERS = {
    "chatml": byte_level(QWEN2, CONTROL["chatml"], 380, normalizers.NFC()),
    "llama3": byte_level(LLAMA3, CONTROL["llama3"], 390, ignore_merges=True, begin="<|begin_of_text|>"),
    "gemma": byte_fallback(CONTROL["gemma"], 410, "<bos>", REPLACE, pre_tokenizers.Split(" ", "merged_with_previous"), False),
    "mistral": byte_fallback(CONTROL["mistral"], 400, "<s>", SEQUENCE([normalizers.Prepend("▁"), REPLACE]), None, True),
    "thinking": byte_level(GPT2, CONTROL["thinking"], 370),
    "features": byte_fallback(CONTROL["features"], 400, "<s>", None, pre_tokenizers.Metaspace(prepend_scheme="first", split=False), True),
}
NAMED = {
    "chatml": dict(bos_token=None, eos_token="<|im_end|>", pad_token="<|endoftext|>", unk_token=None, add_prefix_space=False, model_max_length=32768),
    "llama3": dict(bos_token="<|begin_of_text|>", eos_token="<|eot_id|>", model_max_length=131072),
    "gemma": dict(bos_token="<bos>", eos_token="<eos>", pad_token="<pad>", unk_token="<unk>", add_bos_token=True, add_eos_token=False),
    "mistral": dict(bos_token="<s>", eos_token="</s>", pad_token=None, unk_token="<unk>", add_bos_token=True, add_eos_token=False, legacy=True, sp_model_kwargs={}),
    "thinking": dict(bos_token=None, eos_token="<|im_end|>", pad_token="<|endoftext|>", unk_token=None, split_special_tokens=False),
    "features": dict(bos_token="<s>", eos_token="</s>", pad_token="</s>", unk_token="<unk>"),
}
TEMPLATES = {"chatml": CHATML, "llama3": [{"name": "default", "template": LLAMA_DEFAULT}, {"name": "tool_use", "template": LLAMA_TOOLS}], "gemma": GEMMA,
             "mistral": MISTRAL, "thinking": THINKING, "features": FEATURES}
MORE = {
    "llama3": [(ask("Hello."), True, {"date_string": "26 Jul 2024"}), (ask("What is 1 + 2.5?"), True, {"tools": [ADD]}),
               (CALL, True, {"tools": [ADD]}), (CALL, True, {}), (ask("Hi.", system="Be kind. "), True, {"tools": [ADD, ADD]})],
    "mistral": [(ask("Hi.", "Hello. ", "Bye.", " See you."), False, {})],
    "thinking": [(messages, prompt, variables) for messages, prompt in [
        (ask("What is 17 * 23?"), True), (ask("What is 17 * 23?", THOUGHT, "Look again."), True), (ask("What is 17 * 23?", THOUGHT), False),
        (ask("What is 17 * 23?", THOUGHT, "Again.", "\n<think>\n\n</think>\n\n\n391\n", "And again."), True)]
        for variables in [{"enable_thinking": True}, {"enable_thinking": False}]] + [
        (ask("What is 17 * 23?", THOUGHT, "Look again.", "A second </think> stray </think>\n mark"), False, {}),
        ([*ask("What is 17 * 23?"), {"role": "assistant", "reasoning_content": "\nEasy.\n", "content": "391"}], False, {}),
        ([*ask("Hi."), {"role": "assistant", "content": THOUGHT}, {"role": "system", "content": "Late."}, {"role": "assistant", "content": "Yes."}], True, {})],
    "features": ALL_SECTIONS,
}
ERRORS = {
    "llama3": [([*ask("Hi."), {"role": "assistant", "tool_calls": [{}, {}]}], "One call at a time.")],
    "gemma": [(ask("Hi.", system="Be kind."), "No system role here."), (ask("Hi.")[:1] * 2, "The roles must alternate: user, assistant, user, ..."),
              ([{"role": "assistant", "content": "Hello."}], "The roles must alternate: user, assistant, user, ...")],
    "mistral": [(ask("Hi.") * 2, "After the optional system message, turns go user, assistant, user, and so on."),
                ([*ask("Hi."), {"role": "tool", "content": "1"}], "Unknown role: tool.")],
    "features": [([{"role": "robot", "content": "Beep."}], "Unknown role: robot")],
}


def written(token):
    return {"__type": "AddedToken", "content": token, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False}


def make(name):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    TOKENIZERS[name].save(str(folder / "tokenizer.json"))
    added = json.loads((folder / "tokenizer.json").read_text())["added_tokens"]
    config = {"added_tokens_decoder": {str(token.pop("id")): token for token in added}, "clean_up_tokenization_spaces": False, **NAMED[name]}
    config.setdefault("model_max_length", 10**30)
    if name == "mistral":  # tokens spelled out, as older files have them
        config |= {kind: written(config[kind]) for kind in ["bos_token", "eos_token", "unk_token"]}
        (folder / "chat_template.jinja").write_text(TEMPLATES[name])
    else:
        config["chat_template"] = TEMPLATES[name]
    config["tokenizer_class"] = "PreTrainedTokenizerFast"
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1, ensure_ascii=False) + "\n")

    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = lambda text, special=False: tokenizer(text, add_special_tokens=special)["input_ids"]
    expected = {"conversations": [], "errors": [], "texts": []}
    for messages, prompt, variables in conversations(list(CONTROL[name]), system=name != "gemma") + MORE.get(name, []):
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompt, **variables)
        case = {"messages": messages, "add_generation_prompt": prompt, "variables": variables}
        if name == "llama3" or variables.get("section") == "dates":
            case["date"] = TODAY
        expected["conversations"].append(case | {"text": text, "ids": ids(text)})
    for messages, message in ERRORS.get(name, []):
        try:
            tokenizer.apply_chat_template(messages, tokenize=False)
            raise AssertionError(f"{name} takes {messages}")
        except TemplateError as error:
            assert message == str(error), error
        expected["errors"].append({"messages": messages, "contains": message})
    for text in SAMPLES + ["".join(f"{token}a {token} b" for token in CONTROL[name])]:
        plain = ids(text)
        decoded = tokenizer.decode(plain, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        expected["texts"].append({"text": text, "ids_plain": plain, "ids_special": ids(text, True), "decoded": decoded})
    lines = [f' "{key}": [\n' + ",\n".join("  " + json.dumps(case, ensure_ascii=False) for case in cases) + "\n ]" for key, cases in expected.items()]
    (folder / "expected.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    assert json.loads((folder / "expected.json").read_text()) == expected
    print(name, len(tokenizer), {path.name: path.stat().st_size for path in sorted(folder.iterdir())})


print("transformers", transformers.__version__)
for name in TEMPLATES:
    make(name)
