SELECT * FROM :"schema".verb_settle($1)
