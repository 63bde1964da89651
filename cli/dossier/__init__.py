"""The dossier: one page that says what was decided about a challenger, on what evidence, by whom."""
