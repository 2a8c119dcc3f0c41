"""What every service runs in: settings, the process, HTTP, metrics, logs and the verbs of its command line."""
