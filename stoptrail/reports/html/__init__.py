"""The HTML report: one file with everything in it, readable offline."""

from stoptrail.reports.html.page import write_report

__all__ = ["write_report"]
