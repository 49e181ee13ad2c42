"""Sources of glyphs. Every source is opened as a `glyphset.GlyphSet`."""
