SELECT * FROM :"schema".verb_cancel($1)
