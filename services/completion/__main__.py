"""`python -m services.completion`: the verbs that all services have."""

from services.completion.app import definition
from services.completion.settings import CompletionSettings
from shared.runtime.cli import main

if __name__ == "__main__":
    main(CompletionSettings, definition)
