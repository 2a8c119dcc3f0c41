"""The obvious way, as an honest baseline: plain FastStream, written as its documentation teaches.

One message, one handler, one transaction; events leave through an outbox table and a relay; a message that comes again
is known by a unique key. It takes the same records, opens and makes the same sealed fields, validates by the same
models and writes the same rows in substance: admission, account, enrollment, evidence, completion, disbursement,
attempt, books. It acknowledges after the handler (`AckPolicy.NACK_ON_ERROR`), since FastStream's default loses messages
in a crash, and reads with `max_workers` consumers a topic, so that partitions go on side by side.

What it leaves out, each time in its own favour: quota and funds, which would be rows that every message locks; the hash
chain of the books; held payments, parking, deadlines, waiting for what is not yet known (a handler fails, and the
message comes again), gaps and repeats between services, restores of the database, the checks of invariants, metrics.
"""
