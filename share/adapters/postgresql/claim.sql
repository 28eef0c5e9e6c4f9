SELECT * FROM :"schema".verb_claim($1)
