"""The rules of enrollment: admission and purchase. Pure functions over values."""
