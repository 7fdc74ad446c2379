"""Generated pages: a report per paper, and the parts of the README that follow from the evidence.

    scores      scores with intervals of every model in its plain setting, from the evidence, kept in a file
    facts       the sentences of a page that are not computed, as data, each with what holds it
    markdown    tables and cells of Markdown
    findings    sections of a page about claims, scores and printed numbers
    page        the page of a paper
    ledger      the claims as one figure, and as text
    readme      the generated parts of the README
    files       which files are generated; write and check them

The same files give the same pages. `erclab report` writes them, `erclab report --check` compares.
"""
