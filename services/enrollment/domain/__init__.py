"""The rules of enrollment: pure functions over values. No clock, no chance, no database."""
