"""The demonstration's documents, set with Typst."""

import json

import typst

from parvis_local.demo.story import Firm, Paper, Party

_LETTER = """
#let inputs = json(bytes(sys.inputs.letter))
#set document(title: inputs.title, author: inputs.firm)
#set page(paper: "a4", margin: (x: 26mm, top: 24mm, bottom: 26mm))
#set page(footer: align(center, text(8pt, luma(110))[#inputs.footer]))
#set text(lang: "fr", size: 10.5pt, fallback: true)
#set par(justify: true, leading: 0.8em, spacing: 1.2em)
#let name = text(15pt, weight: "bold", fill: rgb(inputs.accent))[#inputs.firm]
#grid(columns: (1fr, auto), name, align(right)[#inputs.city])
#line(length: 100%, stroke: 0.6pt + rgb(inputs.accent))
#v(14mm)
#align(right)[#inputs.client]
#v(12mm)
= #inputs.title
#v(4mm)
#for paragraph in inputs.text [#paragraph #parbreak()]
#v(14mm)
#align(right)[#inputs.signature]
"""


def typeset(firm: Firm, party: Party, paper: Paper) -> bytes:
    """A letter as PDF, the same bytes for the same story."""
    letter = {
        "firm": firm.name,
        "city": firm.city,
        "accent": firm.accent,
        "client": party.name,
        "title": paper.title,
        "text": list(paper.text),
        "signature": f"{firm.members[0].full_name}, {firm.members[0].function}",
        "footer": f"{firm.legal_name}, {firm.legal_form} au capital de {firm.capital} · {firm.registry} {firm.siren}",
    }
    source = _LETTER.encode()
    return typst.compile(source, sys_inputs={"letter": json.dumps(letter, ensure_ascii=False)})
