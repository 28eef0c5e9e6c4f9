SELECT * FROM :"schema".verb_retry($1)
