"""The HTML report: one file with everything in it, readable offline."""

from reports.html.page import write_report

__all__ = ["write_report"]
