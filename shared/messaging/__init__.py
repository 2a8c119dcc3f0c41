"""The engine: lanes and pages. It knows nothing of participants, trainings or money."""
