"""An honest baseline: the same work in plain FastStream, written as its documentation teaches.

One message, one handler, one transaction; events leave through an outbox table and a relay; repeated messages are
recognized by a unique key. It takes the same records, opens and makes the same sealed fields, validates by the same
models and writes the same rows in substance: admission, account, enrollment, evidence, completion, disbursement,
attempt, ledger. It acknowledges after the handler (`AckPolicy.NACK_ON_ERROR`), since FastStream's default loses
messages in a crash, and reads with `max_workers` consumers a topic, so that partitions are handled in parallel.

It omits, each time in its own favour: quota and funds, which would be rows that every message locks; the hash chain of
the ledger; held payments, parking, deadlines, deferring (a handler fails, and the message is delivered again), gaps and
duplicates between services, restores of the database, checks of invariants, metrics.
"""
