SELECT * FROM :"schema".verb_reap($1)
