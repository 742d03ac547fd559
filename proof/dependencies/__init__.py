"""Whether any pinned package is known to be vulnerable, as far as somebody can be asked."""
