"""What crosses a border: the envelope, the types by producer, the reasons, the sealed fields, the topics."""
