"""The surroundings of every service: settings, the process, HTTP, metrics, logs, the verbs of the command line."""
