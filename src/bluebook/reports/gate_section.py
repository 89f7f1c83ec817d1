"""Whether the dataset may be trained on: each rule's verdict, what was measured, waived and found wrong."""

from __future__ import annotations

from bluebook.reports.data_sections import missing, percent, section
from bluebook.reports.inputs import GateResult, RuleResult
from bluebook.reports.markup import Html, element, join, table
from bluebook.reports.view import View

_BROKEN = {"failure": ("broken", "bad"), "warning": ("warning", "warn"), "waived": ("waived", "warn")}


def gate(view: View, anchor: str) -> Html:
    """Rules that are not kept stand first."""
    title = "The gate"
    if view.gate is None:
        return section(anchor, title, missing("the gate's verdict"))
    found = view.gate
    kept = sum(rule.passed for rule in found.rules)
    word, class_ = ("passed", "good") if found.passed else ("failed", "bad")
    intro = element(
        "p",
        "The gate ",
        element("strong", word, class_=class_),
        f": {kept} of {len(found.rules)} rules kept by {sum(found.rows.values()):,} rows.",
    )
    ranked = sorted(found.rules, key=lambda rule: (rule.passed, rule.severity, rule.name))
    rules = table(
        ["rule", "verdict", "measured", "at least"],
        [_rule(rule, found) for rule in ranked],
        "Rules of the gate",
    )
    return section(anchor, title, intro, rules, _failing(found), _waivers(found))


def _words(name: str) -> str:
    return name.replace("_", " ")


def _rule(rule: RuleResult, found: GateResult) -> list[Html | str]:
    word, class_ = ("kept", "good") if rule.passed else _BROKEN[rule.severity]
    if rule.kind == "rows":
        measured = f"{found.failing_rows.get(rule.name, 0):,} failing rows"
    elif rule.value is None:
        measured = "nothing to measure"
    else:
        measured = _amount(rule, rule.value)
    least = "" if rule.threshold is None else _amount(rule, rule.threshold)
    return [
        join([_words(rule.name), element("small", rule.why, class_="under")]),
        *[element("span", text, class_=f"num {role}") for text, role in ((word, class_), (measured, ""))],
        element("span", least, class_="num"),
    ]


def _amount(rule: RuleResult, value: float) -> str:
    return percent(value) if rule.kind == "share" else f"{value:,.0f}"


def _failing(found: GateResult) -> Html | None:
    blocks = [_failing_rows(rule, found) for rule in found.rules if rule.failing]
    return join([element("h4", "Failing rows"), *blocks]) if blocks else None


def _failing_rows(rule: RuleResult, found: GateResult) -> Html:
    count = found.failing_rows.get(rule.name, len(rule.failing))
    more = count - len(rule.failing)
    lines = [
        element("li", element("code", row.id), f" {row.where} {row.detail}".rstrip()) for row in rule.failing
    ]
    return element(
        "details",
        element("summary", f"{_words(rule.name)}: {count:,} failing rows"),
        element("p", f"To do: {rule.remedy}") if rule.remedy else None,
        element("ul", lines),
        element("p", f"and {more:,} more", class_="note") if more else None,
    )


def _waivers(found: GateResult) -> Html | None:
    waived = [rule for rule in found.rules if rule.waiver is not None]
    if not waived:
        return None
    stale = element("em", " The rule is kept; delete the waiver from params.yaml.")
    lines = [
        element(
            "li", element("strong", _words(rule.name)), f": {rule.waiver}", stale if rule.passed else None
        )
        for rule in waived
    ]
    return join([element("h4", "Waivers"), element("ul", lines)])
