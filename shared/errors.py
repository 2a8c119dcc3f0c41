"""The root of Salur's errors, and the error that stops a lane."""


class SalurError(Exception):
    """Base of every error that Salur itself raises; its text says what is wrong and what to do."""


class Refused(SalurError):
    """A command, a setting or a key that is not accepted. Nothing was changed; the text says why and what to do."""


class NotFound(Refused):
    """A command that names what does not exist."""


class SamePerson(Refused):
    """A command that takes two persons, given twice by one."""


class Stale(Refused):
    """A command about what has changed since its sender read it; `version` is the one of now."""

    def __init__(self, sentence: str, version: str) -> None:
        super().__init__(sentence)
        self.version = version


class InvalidFile(Refused):
    """A file of data that a program comes with and cannot use; the text names the file and what would be right."""


class InvariantBroken(SalurError):
    """A state that the rules exclude; the lane stops until a person has looked at it.

    `subject` names what is broken (a redeem code, a reference, a chain), `sentence` says what was found.
    """

    def __init__(self, subject: str, sentence: str) -> None:
        super().__init__(f"{subject}: {sentence}")
        self.subject = subject
        self.sentence = sentence
