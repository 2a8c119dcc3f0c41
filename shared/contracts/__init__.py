"""The contract with other systems and between services: envelope, event types, reasons, sealed fields, topics."""
