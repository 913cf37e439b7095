"""What looks at a Maildir tree as mail readers do: a checker, and drivers of real readers."""
