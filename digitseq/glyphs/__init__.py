"""Where digit pictures come from. Every source gives a `glyphset.GlyphSet`."""
