SELECT * FROM :"schema".verb_prune($1)
