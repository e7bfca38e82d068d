"""What whoever operates the server sees of it: metrics, traces and the audit log."""
