SELECT * FROM :"schema".verb_pause($1)
