"""The only place that knows Great Expectations: checks in, verdicts and a Data Docs page out.

Each rule comes as one column that is filled already, so three kinds of expectation make the suite, a row is
read once, and no library decides how a text is looked at. The import takes about three seconds, so it happens
when a gate runs and not before.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import msgspec

from bluebook.artifacts import atomic_writer
from bluebook.errors import GateError
from bluebook.gates.checks import Check

NAMES = ("id", "where")  # the columns that name a row

_SEVERITY = {"failure": "critical", "warning": "warning", "waived": "info"}


class Verdict(msgspec.Struct, kw_only=True, frozen=True):
    """`failing` holds the `where` of each row that breaks a rule, in the frame's order; `value` is the mean
    or sum."""

    passed: bool
    failing: Sequence[str] = ()
    value: float | None = None


def judge(
    subject: str, ids: Sequence[str], places: Sequence[str], checks: Sequence[Check], page: Path | None = None
) -> dict[str, Verdict]:
    """Validate `checks` and return each rule's verdict by name; where `page` is given, write its Data Docs
    there.

    Raises GateError where a rule could not be evaluated: that is no pass.
    """
    import great_expectations as gx
    import pandas as pd

    # Data Docs writes what names a row into its page as it is, and an id may hold anything.
    named = dict(zip(NAMES, ([html.escape(id) for id in ids], places), strict=True))
    frame = pd.DataFrame(named | {one.name: one.values for one in checks})
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    asset = context.data_sources.add_pandas("datasets").add_dataframe_asset(subject)
    batch = asset.add_batch_definition_whole_dataframe("every row").get_batch({"dataframe": frame})
    result = batch.validate(
        gx.ExpectationSuite(name=subject, expectations=[_expectation(one) for one in checks]),
        result_format={
            "result_format": "COMPLETE",
            "unexpected_index_column_names": list(NAMES),
            "return_unexpected_index_query": False,  # pandas code with a number for each failing row
        },
    )
    if page is not None:
        _write_page(subject, result, page)
    return {one.expectation_config.kwargs["column"]: _verdict(one) for one in result.results}


def _expectation(check: Check) -> Any:
    """`check` as an expectation. Data Docs shows `description` in place of the technical condition."""
    from great_expectations import expectations as gxe

    told = {
        "column": check.name,
        "description": html.escape(f"{check.why}{_note(check)}", quote=False),
        "severity": _SEVERITY[check.severity],
        "meta": {"rule": check.name, "severity": check.severity},
    }
    if check.kind == "rows":
        return gxe.ExpectColumnValuesToBeInSet(value_set=[True], **told)
    if check.kind == "share":
        return gxe.ExpectColumnMeanToBeBetween(min_value=check.threshold, **told)
    return gxe.ExpectColumnSumToBeBetween(min_value=check.threshold, **told)


def _note(check: Check) -> str:
    """What a reader of Data Docs needs beside the rule's reason."""
    least = f" (at least {check.threshold:.1%} of the rows)" if check.kind == "share" else ""
    if check.waiver is not None:
        return f"{least} (waived: {check.waiver})"
    return f"{least} (a warning only)" if check.severity == "warning" else least


def _verdict(one: Any) -> Verdict:
    # Either one account of an exception, or one for each metric that raised, by the metric's key.
    info = one.exception_info
    for raised in [info] if "raised_exception" in info else info.values():
        if raised["raised_exception"]:
            name = one.expectation_config.kwargs["column"]
            raise GateError(f"rule {name} could not be evaluated: {raised['exception_message']}")
    observed = one.result.get("observed_value")
    return Verdict(
        passed=bool(one.success),
        failing=[row["where"] for row in one.result.get("unexpected_index_list") or ()],
        value=None if observed is None or math.isnan(observed) else float(observed),
    )


def _write_page(subject: str, result: Any, page: Path) -> None:
    """Data Docs as one file that needs no network.

    Great Expectations renders the content. Its own page frame takes styles, icons and scripts from content
    delivery networks and stays bare without them, so the frame is ours: `views/offline.j2`.
    """
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    # Great Expectations fails a suite for any broken rule; whether the gate does is a matter of severity.
    passed = all(
        one.success or one.expectation_config.meta["severity"] != "failure" for one in result.results
    )
    for one, told in zip(result.results, result.to_json_dict()["results"], strict=True):
        one.result = json.loads(json.dumps(told["result"]))  # the renderer cannot write numpy's numbers
    document = ValidationResultsPageRenderer(run_info_at_end=True).render(result)
    with as_file(files("bluebook.gates") / "views") as views:
        view = DefaultJinjaPageView(custom_views_directory=str(views))
        text = view.render(document, template="offline.j2", subject=subject, passed=passed)
    with atomic_writer(page) as out:
        out.write(text.encode())
