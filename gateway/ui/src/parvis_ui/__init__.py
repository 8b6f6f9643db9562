"""The design system of Parvis: frames, macros, styles, script, icons, words. `README.md` lists everything."""
