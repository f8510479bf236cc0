"""From what was received to the current generation: completed, verified, sealed by its manifest, published."""
