"""What the cycle says about itself: each finding with what was measured, and what to do."""

from __future__ import annotations

from bluebook.reports.data_sections import missing, section
from bluebook.reports.inputs import Finding
from bluebook.reports.markup import Html, element, join, table
from bluebook.reports.view import View

_ROLES = {"CRITICAL": "bad", "WARNING": "warn", "SUGGESTION": "", "INFO": ""}


def health(view: View, anchor: str) -> Html:
    """Findings above INFO in a table, worst first; a note where there are none."""
    title = "How healthy the cycle is"
    if view.health is None:
        return section(anchor, title, missing("the health findings"))
    told = [finding for finding in view.health.findings if finding.level != "INFO"]
    notes = [
        element("p", finding.detail + ".", class_="note")
        for finding in view.health.findings
        if finding.level == "INFO"
    ]
    if not told:
        return section(anchor, title, element("p", "No rule found anything.", class_="good"), *notes)
    found = table(
        ["finding", "level", "measured", "threshold"],
        [_row(finding) for finding in told],
        "Findings of the health rules",
    )
    return section(anchor, title, found, *notes)


def _row(finding: Finding) -> list[Html | str]:
    what = join([finding.detail + ".", element("small", f"To do: {finding.advice}.", class_="under")])
    level = element("span", finding.level.lower(), class_=f"num {_ROLES[finding.level]}".rstrip())
    numbers = [element("span", f"{number:g}", class_="num") for number in (finding.value, finding.threshold)]
    return [what, level, *numbers]
