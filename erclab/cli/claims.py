"""`erclab claims`: the ledger of the papers' claims."""

from __future__ import annotations

import json
import textwrap

from erclab.cli.common import command, kept_evidence, to_stderr


def add(commands) -> None:
    """Add the command to the parser."""
    made = command(commands, "claims", _claims, "show the claims of the papers with their verdicts, or train what they "
                   "need")
    made.add_argument("ids", nargs="*", metavar="ID", help="claims such as S-c3, or those of a paper: S or sdt "
                      "(default: all)")
    made.add_argument("--corpus", metavar="C", help="only verdicts on this corpus; needed for --train")
    made.add_argument("--rule", action="store_true", help="also print rule, contrasts and every finding")
    made.add_argument("--train", action="store_true", help="train the runs that are missing, keep their evidence and "
                      "judge; safe to stop, the same command goes on")
    made.add_argument("--judge", action="store_true", help="judge again from the evidence that is kept")
    made.add_argument("--seeds", type=int, metavar="N", help="only the first N seeds of the protocol")
    kept_evidence(made, "evidence and verdicts", "data/results/claims")
    made.add_argument("--json", action="store_true", help="print the verdicts as JSON")


def _claims(options) -> int:
    from erclab.claims import book as books
    from erclab.core.errors import UsageError
    from erclab.published.claims import book

    claims, failed = book(), []
    if options.seeds is not None and options.seeds < 1:
        raise UsageError(f"--seeds {options.seeds}", remedy="1 or more.")
    if options.train:
        if not options.corpus:
            raise UsageError("--train needs a corpus", remedy=f"Give --corpus; {claims.rehearsal['corpus']} is the "
                             "rehearsal of minutes.")
        failed = _train(options, claims)
    if options.train or options.judge:
        books.judge_again(claims, options.evidence, [options.corpus] if options.corpus else None)
    found = books.entries(claims, options.ids, options.corpus, options.evidence)
    if options.json:
        print(json.dumps([v.as_dict() | {"interim": books.interim(claims, v)} for v in found]))
    else:
        _print(claims, found, options.rule)
    return 1 if failed else 0


def _train(options, claims) -> list[str]:
    from erclab.claims import book as books
    from erclab.claims import training
    from erclab.core import paths

    ids = [c.id for c in books.chosen_claims(claims, options.ids)] if options.ids else []
    plan = training.planned(claims, options.corpus, ids, data=options.data or "")
    if options.seeds:
        plan.seeds = plan.seeds[:options.seeds]
    shelf = books.shelf_of(options.corpus, options.evidence)
    return training.train_arms(plan, shelf, options.out or paths.runs_dir(), jobs=options.jobs, said=to_stderr)


def _print(claims, found, rule: bool) -> None:
    from erclab.claims import book as books

    table = books.table(claims, found)
    last = None
    for v, row in zip(found, table.itertuples(), strict=True):
        claim = claims.find(v.claim)
        if v.claim != last:
            print(f"\n{v.claim}  {textwrap.shorten(claim.claim, 108)}" + ("" if claim.tier == 1 else "  (exploratory)"
                                                                         if claim.tier == 2 else ""))
            if rule:
                print(textwrap.indent(textwrap.fill(f"{claim.rule}: {claims.rules[claim.rule]}", 110), "      "))
            last = v.claim
        effect = f"  {row.effect}" if row.effect else ""
        more = "; ".join(x for x in (row.interim, f"needs {row.needed}" if row.needed else "", row.detail) if x)
        print(f"      {v.corpus or '-':<20} {v.verdict}{effect}{'  (' + more + ')' if more else ''}")
        for f in v.effects if rule else ():
            shown, matters = books.effect_text(claim, f), books.shown_in(claim, f)
            above = f", P(A > B) {f.above[0]:.2f}" if f.above else ""
            least = f"{matters[0] * f.matters:.{matters[1]}f}"
            print(f"          {books.contrast_text(v, f)}: {shown}, matters {least}{above}: {f.verdict}")
    core = [v for v in found if claims.find(v.claim).tier == 1 and v.corpus != claims.rehearsal["corpus"]]
    counted = ", ".join(f"{count} {name}" for name, count in books.counts(core).items())
    few = sum(bool(books.interim(claims, v)) for v in core)
    print(f"\nCore claims, each on each corpus (without the rehearsal): {counted or 'none'}"
          f"{f'; interim of these: {few}' if few else ''}. "
          "Rules: erclab claims ID --rule; train: erclab claims --corpus simulated --train.")
