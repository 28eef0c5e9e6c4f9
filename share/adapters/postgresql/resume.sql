SELECT * FROM :"schema".verb_resume($1)
