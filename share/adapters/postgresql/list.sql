SELECT * FROM :"schema".verb_list($1)
