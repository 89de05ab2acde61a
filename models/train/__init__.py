"""Makes the embedded model, one command per stage: `python -m models.train --help`."""
