"""The markdown oracle: what of a text a renderer makes something of, and texts that try to be more than a text.

With linkify-it-py installed it also makes links of bare addresses, as GitHub does.
"""

import importlib.util
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

COMMONMARK = MarkdownIt("commonmark").enable(["table", "strikethrough"])
HAS_LINKIFY = importlib.util.find_spec("linkify_it") is not None
PARSERS = {"commonmark with tables": COMMONMARK} | ({"gfm-like": MarkdownIt("gfm-like")} if HAS_LINKIFY else {})

PAYLOADS = {
    "link": "[click here](https://evil.example/)",
    "link by reference": "[click][1]\n\n[1]: https://evil.example/",
    "collapsed reference": "[1]: javascript:alert(1)\n[1]",
    "javascript link": "[x](javascript:alert`1`)",
    "image": "![x](https://evil.example/pixel.png)",
    "image in a link": "[![x](https://e.example/a.png)](https://e.example/)",
    "autolink": "<https://evil.example/?q=1>",
    "mail autolink": "<nurse@evil.example>",
    "bare address": "https://evil.example/path",
    "bare address of another scheme": "ftp://evil.example/file",
    "www": "www.evil-example.com",
    "bare domain": "evil.example.com",
    "bare mail address": "nurse@evil.example.com",
    "mailto": "mailto:nurse@evil.example.com",
    "protocol-relative address": "//evil.example.com/x",
    "internationalised domain": "\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444",
    "address of numbers": "http://127.0.0.1:8000/",
    "script": "<script>alert(1)</script>",
    "image tag": "<img src=x onerror=alert(1)>",
    "inline tag": "Humira <b>40</b> mg",
    "closing tag": "</td></tr></table>",
    "comment": "<!-- hidden -->",
    "processing instruction": "<?php echo 1 ?>",
    "CDATA": "<![CDATA[x]]>",
    "heading": "# Combination is safe",
    "underlined heading": "Combination is safe\n===",
    "second underlined heading": "Combination is safe\n---",
    "table row": "x | y | z |",
    "table": "| a | b |\n|---|---|\n| c | d |",
    "fence": "```\nhidden\n```",
    "fence of tildes": "~~~\nhidden\n~~~",
    "code span": "`rm -rf`",
    "indented code": "    hidden",
    "indented code by tab": "\thidden",
    "indented code by no-break space": "\u00a0\u00a0\u00a0\u00a0hidden",
    "emphasis": "*stop* __now__",
    "strong": "**not recommended**",
    "strikethrough": "~~not recommended~~",
    "footnote": "[^1] and [^1]: note",
    "quotation": "> the label allows it",
    "bullet list": "- one\n- two",
    "bullet list by plus": "+ one",
    "numbered list": "1. one\n2. two",
    "numbered list by bracket": "1) one",
    "task list": "- [x] checked",
    "rule": "***",
    "rule by underscores": "___",
    "rule by hyphens": "---",
    "entity": "&lt;b&gt; &amp; &#x3c;script&#x3e;",
    "numeric entity of a line end": "a&#10;# b",
    "bidirectional override": "Humira \u202egnol\u202c",
    "bidirectional isolate": "\u2066Humira\u2069",
    "zero-width characters": "Hu\u200bmi\u200cra\u200d\ufeff",
    "tag characters": "Humira\U000e0041\U000e0042",
    "null": "Hu\x00mira",
    "escape sequence": "\x1b[31mred\x1b[0m",
    "backspaces": "safe\x08\x08\x08\x08",
    "line end": "one\ntwo",
    "line end of a typewriter": "one\r\ntwo\rthree",
    "hard line break": "one  \ntwo\\\nthree",
    "paragraph": "one\n\n# two",
    "line separator": "one\u2028# two",
    "paragraph separator": "one\u2029# two",
    "next line": "one\x85# two",
    "vertical tab": "one\x0b# two",
    "pipe": "a|b",
    "escaped pipe": "a\\|b",
    "backslash at the end": "Humira\\",
    "backslashes before markup": "\\\\[x](https://evil.example/)",
    "backslash before a star": "\\*bold\\*",
    "lone surrogate": "Hu\ud800mira",
    "private use": "Humira\ue000",
    "mathematics": "$x^2$",
    "mention": "@everyone #1 :skull:",
    "front matter": "---\ntitle: x\n---",
    "format string": "{partner} {0} {} %s",
}


def kinds(tokens: list[Token]) -> Iterator[str]:
    """Yield the types of tokens, neighbouring texts as one."""
    last = ""
    for token in tokens:
        if token.type == "inline":
            yield from kinds(token.children or [])
        elif token.type != "text" or last != "text":
            yield token.type
        last = token.type
