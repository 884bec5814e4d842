"""GraphQL over HTTP: the view, remembered documents, limits, persisted documents."""
