"""The parts that screens are made of: table, header, detail pane, form fields."""
