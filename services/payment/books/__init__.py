"""The books: balances, exports for foreign programs, and signed statements by which a stranger checks them."""
