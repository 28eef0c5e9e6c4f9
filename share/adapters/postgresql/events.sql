SELECT * FROM :"schema".verb_events($1)
