"""What the words of this domain have in common."""

from enum import StrEnum


class Word(StrEnum):
    """One of a short list of words. Hashed as its text, as it is compared; an enumeration's own hash costs a step in
    Python, and words are in the keys of all that is counted.
    """

    __hash__ = str.__hash__
