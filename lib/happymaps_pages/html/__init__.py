"""How anything is drawn, safely: text, figures, charts, pictures."""
