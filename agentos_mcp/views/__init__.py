"""Pages to look at: a run's timeline, a trace's spans, figures, what waits for an answer; in a client or a browser."""
