"""The use cases of enrollment, each over a batch: load, decide, save, announce."""

PARTICIPANT = "participant"
WAVE = "wave"
ENROLLMENT = "enrollment"
NIK = "nik"
REDEEM_CODE = "redeem_code"
DEFERRED_SEALS = "taken-in"
