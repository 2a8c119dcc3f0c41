"""What payment decides: pure rules over values, without clock, chance or database."""
