"""The run's summary, for the command; the shape lives with the stages that write it."""

from assets.summary import FILE, FeedLine, LinkLine, RunSummary, TableLine, read_summary, write_summary

__all__ = ["FILE", "FeedLine", "LinkLine", "RunSummary", "TableLine", "read_summary", "write_summary"]
