"""The engine: lanes and pages. It knows nothing of participants, trainings or money.

Its rooms stand in the order of a record's way: `reading`, `transaction`, `outbox`, and `engine`, which composes them.
The modules beside them are the ground floor, which every room uses.
"""
