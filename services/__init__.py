"""The three services, no one of which reads another's tables; events alone pass between them."""
