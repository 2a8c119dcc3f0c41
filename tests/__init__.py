"""Tests of Salur; README.md describes their kinds."""
