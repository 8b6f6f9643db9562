"""The design system: components, styles, icons and words of the pages."""
