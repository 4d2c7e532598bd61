"""Which pixels a decision rests on."""
