"""Payment pays each right to money once: it decides what is due, tells partners, and keeps the books."""
