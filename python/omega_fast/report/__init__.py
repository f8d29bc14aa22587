"""What a person looks at after a run."""

from omega_fast.report.html import render_report, write_report

__all__ = ["render_report", "write_report"]
