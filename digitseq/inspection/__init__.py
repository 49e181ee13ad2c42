"""Inspect images without changing them: measurements, reports, scores, contact sheets and HTML pages."""
