"""The main job before your eyes: a cohort goes from admission to settled money, with trouble thrown at it."""
