"""The full screen: Textual's shell around the screens, and what asks the user something."""
