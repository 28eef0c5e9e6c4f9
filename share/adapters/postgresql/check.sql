SELECT * FROM :"schema".verb_check($1)
