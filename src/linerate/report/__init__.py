"""Reports on a run: HTML, text, Markdown and CSV."""
